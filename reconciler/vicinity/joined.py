"""What has to do with what: in a commit, and in what one host shows.

Joined are resources of projects. What only tells another one's content and has no state (a keypair), and what is of the
whole fleet (hosts, flavors, images), joins nothing: it is read with whatever names it.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diff.entries import is_head
from reconciler.objects import Fields, Observed
from reconciler.observation import Snapshot

Joined = Mapping[Address, Collection[Address]]
"""What each address has to do with, both ways."""


def joins(address: Address) -> bool:
    """Whether a resource joins those that have to do with it."""
    return address.project is not None and address.kind != "Keypair"


class _Joining:
    """Both ways, as it is found."""

    def __init__(self) -> None:
        self.found: defaultdict[Address, set[Address]] = defaultdict(set)

    def join(self, one: Address, others: Iterable[Address]) -> None:
        for other in others:
            if other != one and joins(other):
                self.found[one].add(other)
                self.found[other].add(one)


def declared(desired: Desired) -> Joined:
    """Resources that refer to each other, in whatever role, and those that were renamed to the names that they had."""
    joining = _Joining()
    for address, each in desired.resources.items():
        if joins(address):
            joining.join(address, (each.origin, *(reference.target for reference in each.references)))
    return joining.found


class Shown:
    """What one host shows. `odd`: a field of something names what is no address, so that nobody knows what it joins.

    It follows from the snapshot alone, so that it is good for as long as that is the last one of its host.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        joining = _Joining()
        self.snapshot = snapshot
        self.objects: defaultdict[Address, list[Observed]] = defaultdict(list)
        self.networks = [each for each in snapshot.objects if each.key.address.kind == "Network"]
        self.odd = False
        for each in snapshot.objects:
            self.objects[each.origin].append(each)
            try:
                if joins(each.origin):
                    joining.join(each.origin, (each.key.address, *(need.address for need in each.needs), *_named(each)))
            except ValueError:
                self.odd = True
        self.joined: Joined = joining.found


def _named(observed: Observed) -> Iterator[Address]:
    """The networks, groups and volumes of an instance, in both forms."""
    if observed.key.address.kind == "Instance":
        for form in (observed.stored, observed.running or {}):
            yield from map(Address.parse, _names(form))


def _names(form: Fields) -> Iterator[str]:
    for path, value in form.items():
        if path.endswith(".securityGroups") and isinstance(value, tuple):
            yield from value
        elif is_head(path) and isinstance(value, str):
            yield value


def rivals(desired: Desired) -> Mapping[Address, frozenset[Address]]:
    """By network, those that it may overlap, itself among them: all whose ranges lie in one stretch with its own."""
    ranges = [
        (parsed.version, int(parsed.network_address), int(parsed.broadcast_address), address)
        for address, each in desired.resources.items()
        if address.kind == "Network"
        for parsed in (ipaddress.ip_network(text) for text in (each.spec.cidr, each.spec.cidr6) if text)
    ]
    stretches: list[set[Address]] = []
    version, end = 0, -1
    for family, first, last, address in sorted(ranges):
        if family != version or first > end:
            stretches.append(set())
            version, end = family, last
        stretches[-1].add(address)
        end = max(end, last)
    found: defaultdict[Address, frozenset[Address]] = defaultdict(frozenset)
    for stretch in map(frozenset, stretches):
        for address in stretch if len(stretch) > 1 else ():
            found[address] |= stretch
    return found
