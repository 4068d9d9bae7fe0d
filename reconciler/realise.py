"""Resources, placement and addresses → wanted objects per host: the only fan-out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.addressing import Addressing
from reconciler.desired import Desired
from reconciler.firewall.rule import in_order
from reconciler.identity import Identity
from reconciler.kinds.base import Resource, World, resource_kind
from reconciler.objects import Fields, Wanted
from reconciler.placement import Placement, stands_once


class CachedWorld(World, frozen=True, kw_only=True):
    """A world that realises a shared resource once, however many resources ask for its keys."""

    known: dict[Address, dict[str, list[ObjectKey]]] = msgspec.field(default_factory=dict)

    def keys(self, address: Address, host: str) -> list[ObjectKey]:
        """The objects that stand for a resource on a host."""
        if address not in self.known:
            by_host: dict[str, list[ObjectKey]] = defaultdict(list)
            resource = self.resources[address]
            for wanted in resource_kind(resource).realise(resource, self):
                by_host[wanted.key.host].append(wanted.key)
            self.known[address] = dict(by_host)
        return self.known[address].get(host, [])


def world(desired: Desired, placement: Placement, addressing: Addressing) -> World:
    """All that realising may look at. Nobody is a member of a group yet: see `with_members`."""
    return CachedWorld(
        identity=Identity(desired.fleet_id),
        resources=desired.resources,
        hosts=_hosts(desired, placement),
        nics=addressing.nics,
        members={},
    )


def with_members(
    world: World,
    members: Mapping[Address, tuple[str, ...]],
    strangers: Mapping[tuple[Address, str], frozenset[str]] = MappingProxyType({}),
) -> World:
    """The same world with the addresses that are in each group, but for `strangers` on some hosts."""
    return msgspec.structs.replace(world, members=members, strangers=strangers)


def realise(world: World, held: frozenset[Address], kinds: Iterable[str] | None = None) -> Iterator[Wanted]:
    """The wanted objects of all resources that are not held, in order of address; only of some kinds if named."""
    for address, resource in sorted(world.resources.items()):
        if address not in held and (kinds is None or address.kind in kinds):
            yield from resource_kind(resource).realise(resource, world)


def references(resource: Resource) -> list[Address]:
    """The resources that a resource names and that have to stand where it stands."""
    return [each.target for each in resource.references if each.role != "after"]


def _hosts(desired: Desired, placement: Placement) -> dict[Address, tuple[str, ...]]:
    """The hosts of every resource: its own, or those of the instances and volumes that reach it over references."""
    hosts: dict[Address, set[str]] = defaultdict(set)
    roots: dict[str, list[Address]] = defaultdict(list)
    for address, host in placement.hosts.items():
        hosts[address].add(host)
        if address.kind in ("Instance", "Volume"):
            roots[host].append(address)
    for host, placed in sorted(roots.items()):
        for address in closure(desired, placed):
            if not stands_once(desired.resources[address]):
                hosts[address].add(host)
    return {address: tuple(sorted(names)) for address, names in hosts.items()}


def closure(desired: Desired, roots: Iterable[Address]) -> set[Address]:
    """The resources that `roots` need, directly or not, and they themselves."""
    reached: set[Address] = set()
    ahead = list(roots)
    while ahead:
        address = ahead.pop()
        if address not in reached and address in desired.resources:
            reached.add(address)
            ahead.extend(references(desired.resources[address]))
    return reached


def members(forms: Iterable[Fields]) -> dict[Address, tuple[str, ...]]:
    """Who is in each group, by the fields of the instances as they will be."""
    found: dict[str, set[str]] = defaultdict(set)
    for fields in forms:
        for path, groups in fields.items():
            if path.endswith(".securityGroups") and path.startswith("nics.") and isinstance(groups, tuple):
                base = path.removesuffix("securityGroups")
                addresses = {str(each) for name in ("address", "address6") if (each := fields.get(base + name))}
                for group in groups:
                    found[group] |= addresses
    return {Address.parse(group): in_order(addresses) for group, addresses in found.items()}
