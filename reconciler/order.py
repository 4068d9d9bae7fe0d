"""Orders of things that come before each other, and circles among them.

networkx finds them. Its import takes longer than most plans, and where nothing comes before anything it is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import networkx as nx

T = TypeVar("T")


def earlier_first(things: Iterable[T], pairs: Iterable[tuple[T, T]]) -> list[T]:
    """The things in an order that all (earlier, later) pairs allow; there is no circle among them."""
    known, before = list(things), list(pairs)
    if not before:
        return known
    import networkx as nx

    return list(nx.topological_sort(_graph(known, before)))


def least_first(things: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The lexicographically first of all orders that the pairs allow."""
    known, before = list(things), list(pairs)
    if not before:
        return sorted(known)
    import networkx as nx

    return list(nx.lexicographical_topological_sort(_graph(known, before)))


def circles(pairs: Iterable[tuple[T, T]]) -> list[set[T]]:
    """The greatest groups of which each leads to each other, and to itself in more than one step."""
    before = list(pairs)
    if not before:
        return []
    import networkx as nx

    return [group for group in nx.strongly_connected_components(_graph([], before)) if len(group) > 1]


def _graph(things: Iterable[T], pairs: Iterable[tuple[T, T]]) -> nx.DiGraph[T]:
    import networkx as nx

    graph: nx.DiGraph[T] = nx.DiGraph()
    graph.add_nodes_from(things)
    graph.add_edges_from(pairs)
    return graph
