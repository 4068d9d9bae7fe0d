"""Addresses that mean somebody else on another host: two local networks of two hosts may have the same range.

A rule that lets the members of a group in goes by their addresses. On a host whose own networks have that range, an
address of a member elsewhere is that of a guest here, which need not be a member. A network has the range that is
declared, and the one that it stands with: a commit that moves it is refused for as long as guests are joined to it.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise

from reconciler.address import Address, ObjectKey
from reconciler.diff import Case
from reconciler.guard.verdict import granted
from reconciler.kinds.base import World
from reconciler.objects import Fields, Observed, Value
from reconciler.snapshots import Snapshots

Strangers = Mapping[tuple[Address, str], frozenset[str]]
"""By group and host, the addresses of members that are left out there."""

_Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def strangers(forms: Iterable[Fields], world: World, standing: Collection[Observed]) -> Strangers:
    """What `forms`, the instances as they will be, have of that; nothing as long as no two ranges overlap. `standing`
    are the networks that stay as they stand.
    """
    ranges = _by_network(world, standing)
    if not _overlapping(each for several in ranges.values() for each in several):
        return {}
    members = _members(forms)
    found: dict[tuple[Address, str], frozenset[str]] = {}
    for host, here in _by_host(world, standing).items():
        taken = [each for network in here for each in ranges[network]]
        for group, pairs in members.items():
            home = {address for network, address in pairs if network in here}
            away = {address for network, address in pairs if network not in here} - home
            if strange := frozenset(address for address in away if _within(address, taken)):
                found[Address.parse(group), host] = strange
    return found


def _by_network(world: World, standing: Iterable[Observed]) -> Mapping[str, set[_Range]]:
    """The ranges of each network, by its address: as it is declared, and as it stands."""
    networks = [address for address in world.resources if address.kind == "Network"]
    found = {str(address): set(_ranges(world.spec(address).cidr, world.spec(address).cidr6)) for address in networks}
    for each in standing:
        ranges = found.setdefault(str(each.key.address), set())
        for form in (each.stored, each.running or {}):
            ranges.update(_ranges(form.get("cidr"), form.get("cidr6")))
    return found


def staying(seen: Snapshots, cases: Mapping[ObjectKey, Case]) -> list[Observed]:
    """The networks that are there and go on being there: all but those that nobody is joined to, and that go."""
    networks = ((key, each) for key, each in seen.objects.items() if key.address.kind == "Network")
    return [each for key, each in networks if seen.users(key) or not _goes(cases.get(key))]


def _goes(case: Case | None) -> bool:
    return case is not None and case.change.action in ("delete", "replace") and granted(case)


def _ranges(*texts: Value) -> Iterator[_Range]:
    yield from (parsed for text in texts if isinstance(text, str) and (parsed := _parsed(text)))


@functools.lru_cache(maxsize=1 << 12)
def _parsed(text: str) -> _Range | None:
    """None for what somebody wrote by hand, and is none."""
    with suppress(ValueError):
        return ipaddress.ip_network(text)
    return None


def _overlapping(ranges: Iterable[_Range]) -> bool:
    """Of two ranges that overlap one holds the other, so that in order of where they begin two neighbours do."""
    order = sorted(ranges, key=lambda each: (each.version, int(each.network_address), each.prefixlen))
    return any(
        one.version == other.version and int(other.network_address) <= int(one.broadcast_address)
        for one, other in pairwise(order)
    )


def _members(forms: Iterable[Fields]) -> Mapping[str, set[tuple[str, str]]]:
    """Per group, the addresses that are in it, each with its network."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for fields in forms:
        for path, groups in fields.items():
            if path.startswith("nics.") and path.endswith(".securityGroups") and isinstance(groups, tuple):
                base = path.removesuffix("securityGroups")
                network = str(fields.get(base + "network"))
                addresses = [str(each) for name in ("address", "address6") if (each := fields.get(base + name))]
                for group in groups:
                    found[group].update((network, address) for address in addresses)
    return found


def _by_host(world: World, standing: Iterable[Observed]) -> Mapping[str, set[str]]:
    """The networks of each host: those that are to be there, and those that are."""
    found: dict[str, set[str]] = defaultdict(set)
    for address, hosts in world.hosts.items():
        for host in hosts if address.kind == "Network" else ():
            found[host].add(str(address))
    for each in standing:
        found[each.key.host].add(str(each.key.address))
    return found


def _within(address: str, ranges: Iterable[_Range]) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(each.version == parsed.version and parsed in each for each in ranges)
