"""The dependency graph of what is desired: who uses whom, and that nobody needs himself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from reconciler.address import Address
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Problem, Resource

if TYPE_CHECKING:
    import networkx as nx


class Resources(Protocol):
    """Anything that holds resources by address, as `desired.Desired` does."""

    @property
    def resources(self) -> Mapping[Address, Resource]:
        """Each by its address."""


def dependencies(desired: Resources) -> nx.DiGraph[Address]:
    """All references as a graph: an edge leads from the user to what it uses, with the reference's `role` and `path`.

    Where several fields name the same resource, `needs` outweighs the other roles.
    """
    import networkx as nx  # when it is needed: it takes longer than most plans

    graph: nx.DiGraph[Address] = nx.DiGraph()
    graph.add_nodes_from(sorted(desired.resources))
    for address in sorted(desired.resources):
        resource = desired.resources[address]
        for reference in resource.references:
            if (graph.get_edge_data(address, reference.target) or {}).get("role") != "needs":
                graph.add_edge(address, reference.target, role=reference.role, path=reference.path)
    return graph


def cycles(desired: Resources) -> list[Diagnostic]:
    """One error for each group of resources that need each other in a circle, at the field that closes it."""
    found: list[Diagnostic] = []
    if not (kinds := _circular_kinds(desired)):
        return found
    graph = dependencies(_only(desired, kinds))
    for circle in circles(graph):
        user = desired.resources[circle[0]]
        path = graph.edges[circle[0], circle[1]]["path"]
        detail = f"{' → '.join(map(str, circle))}: none of them can be made first. Remove one of these references."
        found.append(user.mistake(Problem(path, "cycle", "resources need each other in a circle", detail)))
    return found


class _Some(msgspec.Struct, frozen=True):
    """Some of the resources."""

    resources: Mapping[Address, Resource]


def _only(desired: Resources, kinds: frozenset[str]) -> Resources:
    return _Some({address: each for address, each in desired.resources.items() if address.kind in kinds})


def _circular_kinds(desired: Resources) -> frozenset[str]:
    """The kinds of which resources can form a circle, by what is referred to: a circle of resources is one of kinds.

    Most fleets have none, and need no graph of all that they are.
    """
    uses = {
        (address.kind, reference.target.kind)
        for address, resource in desired.resources.items()
        for reference in resource.references
        if reference.role != "member"
    }
    left = {user for user, _ in uses}
    while left != (able := {user for user, used in uses if user in left and used in left}):
        left = able
    return frozenset(left)


def circles(graph: nx.DiGraph[Address]) -> list[list[Address]]:
    """A circle over what orders for each group of addresses that has any; its least address stands at both ends."""
    import networkx as nx

    needs: nx.DiGraph[Address] = nx.DiGraph(
        (user, used) for user, used, data in graph.edges(data=True) if data["role"] != "member"
    )
    found = []
    for group in nx.strongly_connected_components(needs):
        start = min(group)
        if len(group) > 1 or needs.has_edge(start, start):
            found.append(_circle(needs.subgraph(group), start))
    return sorted(found)


def _circle(graph: nx.DiGraph[Address], start: Address) -> list[Address]:
    """A shortest circle through `start`; the same one for the same graph."""
    import networkx as nx

    paths = [nx.shortest_path(graph, used, start) for used in sorted(graph.successors(start))]
    return [start, *min(paths, key=lambda path: (len(path), path))]
