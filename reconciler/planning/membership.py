"""Members of groups that were not seen: an unreachable host is never read as "its instances are gone".

Nor is one of which only a part was seen: what answered may show an instance and not the filters that say its groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.address import Address
from reconciler.firewall.rule import in_order
from reconciler.kinds.base import World
from reconciler.kinds.instance import nic_groups
from reconciler.snapshots import Snapshots

Members = dict[Address, tuple[str, ...]]


def with_unseen(members: Members, world: World, seen: Snapshots) -> Members:
    """The members, and those present ones that may be the addresses of declared instances that were not seen, or not
    completely.

    An address that some seen instance has, or had until now, is no such one.
    """
    doubtful = set(_unsettled_groups(world, seen))
    if not doubtful:
        return members
    attributed = set(_seen_addresses(seen))
    kept: dict[Address, set[str]] = {group: set(members.get(group, ())) for group in doubtful}
    for each in seen.objects.values():
        present = each.stored.get("members")
        if each.origin in doubtful and isinstance(present, tuple):
            kept[each.origin].update(set(present) - attributed)
    return {**members, **{group: in_order(addresses) for group, addresses in kept.items()}}


def _unsettled_groups(world: World, seen: Snapshots) -> Iterator[Address]:
    """The groups of declared instances whose addresses are not known, or may not be all that they have."""
    for address, resource in world.resources.items():
        if address.kind == "Instance":
            found = seen.of(resource.origin)
            half_seen = any(each.key.host not in seen.complete for each in found)
            for nic in resource.spec.networks:
                if half_seen or (not found and (address, nic) not in world.nics):
                    yield from nic_groups(resource, nic)


def _seen_addresses(seen: Snapshots) -> Iterator[str]:
    for each in seen.objects.values():
        for form in (each.stored, each.running or {}) if each.key.host in seen.complete else ():
            yield from _addresses(form)


def _addresses(fields: Mapping[str, object]) -> Iterator[str]:
    for path, value in fields.items():
        if path.startswith("nics.") and path.endswith((".address", ".address6")) and isinstance(value, str):
            yield value
