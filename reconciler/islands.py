"""Islands: the parts of a fleet that can have nothing to do with each other, so that each can be planned alone.

Projects and hosts are joined by whatever is about several of them: a reference, a declared host, an object that stands
on a host, a wire. What is joined, directly or not, is one island. Everything that a check or a decision looks at beyond
one resource (quotas, names and addresses of a network, members of groups, capacity and ranges of a host) lies within
one; what does not (flavors, images, hosts, the fleet) is common, and a change of it is planned for the whole fleet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.impact import ImpactTable
from reconciler.kinds.base import Resource
from reconciler.kinds.quotas import Quotas
from reconciler.objects import digest
from reconciler.observation import Snapshot
from reconciler.placement import stands_once
from reconciler.plan import Plan, Source
from reconciler.planning import Planned, planned
from reconciler.prepared import prepared
from reconciler.quotas import bounds

COMMON = -1
"""Stands for the island of what is of the whole fleet."""


class Island(msgspec.Struct, frozen=True, array_like=True):
    """Its `nodes` are projects, hosts and wires; `unchanged` is how many objects of it are as wanted, or None when
    there was something to do.
    """

    nodes: frozenset[str]
    unchanged: int | None = None


@prepared
class Remembered(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What an earlier plan of the whole fleet came to.

    `units` has the island of every document of the manifests, by its content; `looks` a digest of what each host
    showed; `named` the blob ids of files that manifests name. `setup` is a digest of how hosts are reached; `quotas`
    has a digest of those of each project that is declared.
    """

    units: dict[str, int]
    islands: list[Island]
    looks: dict[str, str]
    named: dict[str, str]
    setup: str
    quotas: dict[str, str]

    def whole(self, nodes: Iterable[str]) -> frozenset[str]:
        """These nodes, with all of every island that has one of them."""
        found = set(nodes)
        return frozenset(found.union(*(each.nodes for each in self.islands if not found.isdisjoint(each.nodes))))

    def within(self, nodes: Collection[str]) -> frozenset[int]:
        """The islands that these nodes are of."""
        return frozenset(number for number, each in enumerate(self.islands) if not each.nodes.isdisjoint(nodes))

    def touched(self, gone: Iterable[str], fresh: Iterable[Resource]) -> frozenset[str] | None:
        """The islands in which something is to be decided once these units are gone and those resources are there, and
        those in which something was to be done; None when that may be anywhere.
        """
        islands = {self.units[name] for name in gone}
        if COMMON in islands:
            return None
        found = {node for number in islands for node in self.islands[number].nodes}
        found.update(node for each in self.islands if each.unchanged is None for node in each.nodes)
        for resource in fresh:
            if not (joined := links(resource)):
                return None
            found |= joined
        return self.whole(found)

    def with_islands(self, nodes: Collection[str], found: Sequence[Island], units: Mapping[str, int]) -> Remembered:
        """The same with other islands, and other units in them, in place of those that `nodes` are of."""
        numbers = self.within(nodes)
        left = [number for number in range(len(self.islands)) if number not in numbers]
        moved = {COMMON: COMMON} | {old: new for new, old in enumerate(left)}
        kept = {name: moved[number] for name, number in self.units.items() if number in moved}
        fresh = {name: number + len(left) if number != COMMON else COMMON for name, number in units.items()}
        all_islands = [*(self.islands[number] for number in left), *found]
        return msgspec.structs.replace(self, units=kept | fresh, islands=all_islands)

    def unchanged(self, nodes: Collection[str]) -> int:
        """How many objects are as wanted in all islands but these."""
        return sum(each.unchanged or 0 for each in self.islands if each.nodes.isdisjoint(nodes))


def host_node(name: str) -> str:
    """The node of a host."""
    return f"host {name}"


def _projects(addresses: Iterable[Address]) -> Iterator[str]:
    return (f"project {each.project}" for each in addresses if each.project is not None)


def links(resource: Resource) -> frozenset[str]:
    """The nodes that a resource joins; none for what is of the whole fleet."""
    address = resource.address
    if address.kind == "Project":
        found = {f"project {address.name}"}
    elif address.project is None:
        return frozenset()
    else:
        found = {*_projects((address, resource.origin))}
    found.update(_projects(each.target for each in resource.references))
    found.update(f"project {name}" for name in getattr(resource.spec, "share_with", ()) if name != "*")
    if host := declared_host(resource):
        found.add(host_node(host))
    if wire := getattr(resource.spec, "physical_network", None):
        found.add(f"wire {wire} {resource.spec.vlan or ''}")
    return frozenset(found)


def declared_host(resource: Resource) -> str | None:
    """The host that a manifest says."""
    host: str | None = getattr(getattr(resource.spec, "placement", resource.spec), "host", None)
    return host


def _joined(desired: Desired, snapshots: Iterable[Snapshot]) -> set[frozenset[str]]:
    """All that joins nodes, in what is declared and in what is seen."""
    found = {links(each) for each in desired.resources.values()} - {frozenset()}
    found |= {frozenset([host_node(address.name)]) for address in desired.resources if address.kind == "Host"}
    for snapshot in snapshots:
        here = host_node(snapshot.host)
        found |= {frozenset([here, *_projects((each.key.address, each.origin))]) for each in snapshot.objects}
    return found


def partition(joined: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The nodes that are joined, directly or not, in order of their least."""
    holder: dict[str, str] = {}

    def first(node: str) -> str:
        while (above := holder.setdefault(node, node)) != node:
            holder[node] = node = holder[above]
        return node

    for nodes in joined:
        least = min(map(first, nodes))
        for node in nodes:
            holder[first(node)] = least
    found: dict[str, list[str]] = defaultdict(list)
    for node in sorted(holder):
        found[first(node)].append(node)
    return [frozenset(nodes) for _, nodes in sorted(found.items())]


def islands(desired: Desired, snapshots: Sequence[Snapshot], outcome: Planned) -> list[Island] | None:
    """The islands of what was planned; None when something was told that cannot be put down to one of them."""
    plan = outcome.plan
    limits = desired.fleet.spec.limits if desired.fleet else Quotas()
    if not _quiet(plan) or limits != Quotas():
        return None
    busy = {host_node(key.host) for key in (*(each.key for each in plan.changes), *plan.retained)}
    counts = {host_node(host): count for host, count in outcome.unchanged.items()}
    return [
        Island(nodes, None if nodes & busy else sum(counts.get(node, 0) for node in nodes))
        for nodes in partition(_joined(desired, snapshots))
    ]


def unit_islands(units: Mapping[str, Iterable[Resource]], found: Sequence[Island]) -> dict[str, int]:
    """In which island each unit is. One that declares nothing, or for several islands, counts as common."""
    numbers = {node: number for number, each in enumerate(found) for node in each.nodes}
    result = {}
    for name, resources in units.items():
        nodes = [min(links(each), default="") for each in resources]
        of = {numbers[node] if node else COMMON for node in nodes}
        result[name] = of.pop() if len(of) == 1 else COMMON
    return result


def plan_within(
    remembered: Remembered,
    nodes: frozenset[str],
    desired: Desired,
    snapshots: Sequence[Snapshot],
    impacts: Mapping[str, ImpactTable],
    source: Source,
) -> Planned | None:
    """The plan of the whole fleet, of which `desired` has what is common and the islands of `nodes`, and `snapshots`
    what is seen in these (all other hosts are there as if they were empty). None when it may not be the plan of all.
    """
    if not (_closed(nodes, desired, snapshots) and _like_projects(remembered, desired)):
        return None
    outcome = planned(desired, snapshots, impacts, source)
    if not _local(outcome.plan, desired):
        return None
    unchanged = outcome.plan.unchanged + remembered.unchanged(nodes)
    return Planned(plan=msgspec.structs.replace(outcome.plan, unchanged=unchanged), unchanged=outcome.unchanged)


def quotas_of(resources: Mapping[Address, Resource]) -> dict[str, str]:
    """A digest of the quotas of each project that is declared."""
    return {address.name: digest(bounds(each)) for address, each in resources.items() if address.kind == "Project"}


def as_before(remembered: Remembered, owners: Mapping[Address, Resource], desired: Desired) -> bool:
    """Whether what is in force (its Fleet and Projects are `owners`) bounds no island but those of `desired` otherwise
    than what is declared.
    """
    away = {address: each for address, each in owners.items() if address not in desired.resources}
    fleets = (bounds(each) for address, each in owners.items() if address.kind == "Fleet")
    return all(each == Quotas() for each in fleets) and all(
        remembered.quotas.get(name, found) == found for name, found in quotas_of(away).items()
    )


def _closed(nodes: frozenset[str], desired: Desired, snapshots: Iterable[Snapshot]) -> bool:
    """Whether nothing of it leads out of the nodes, but for hosts that are there for their names."""
    hosts = {host_node(address.name) for address in desired.resources if address.kind == "Host"}
    return all(each <= nodes or (len(each) == 1 and each <= hosts) for each in _joined(desired, snapshots))


def _like_projects(remembered: Remembered, desired: Desired) -> bool:
    """Whether it has declared projects exactly when the whole fleet has: then all have to be declared."""
    owned = any(address.project is not None for address in desired.resources)
    return not owned or bool(remembered.quotas) == any(address.kind == "Project" for address in desired.resources)


def _quiet(plan: Plan) -> bool:
    """Whether a plan says nothing beside what it changes and retains: of all else nothing is known here."""
    rest = msgspec.structs.replace(plan, basis={}, changes=(), steps=(), unchanged=0, retained=())
    return rest == Plan(fleet=plan.fleet, fleet_id=plan.fleet_id, source=plan.source)


def _local(plan: Plan, desired: Desired) -> bool:
    """Whether a plan needs no look at the rest of the fleet: it tells nothing, removes nothing, holds nothing back, and
    places nothing by choice.
    """
    if not _quiet(plan):
        return False
    for change in plan.changes:
        resource = desired.resources.get(change.key.address)
        if resource is None or change.action in ("delete", "replace"):
            return False
        if change.action == "create" and stands_once(resource) and not declared_host(resource):
            return False
    return True
