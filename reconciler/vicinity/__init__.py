"""The vicinity of what an event names: all that the plan for it can depend on, so that no more has to be planned.

A step follows from its own resource, from what that refers to and what refers to it, from who else is in its networks
and groups or has its volumes, and from how all of these are seen. What is decided by looking at more than that is room
on hosts, ranges that overlap, free addresses, the choice of a host, and how much may go: where any of these could
matter there is no vicinity, and the whole is planned.

Nothing is remembered of earlier plans. What is kept from one to the next is who is joined to whom in the commit that is
in force, and in each snapshot for as long as it is the one that is planned on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.observation import Snapshot
from reconciler.plan import Plan
from reconciler.realise import closure
from reconciler.vicinity.joined import Joined, Shown, declared, joins, rivals
from reconciler.vicinity.standing import Found, Ranges, apart, as_declared, ranges, readdresses, removes, stays

WORTH_IT = 200
"""Resources; a vicinity that is larger, and more than half of the fleet, saves nothing."""


class Vicinity(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a fleet, as it is wanted and seen: `addresses`, and what these need. Hosts are all there, and show that
    part alone.
    """

    desired: Desired
    snapshots: list[Snapshot]
    addresses: Set[Address]

    def covers(self, plan: Plan) -> bool:
        """Whether a plan that was made of it, and narrowed to what was named, is what the whole would say: then it does
        not lead out of it, and nothing of it is weighed against more.
        """
        about = {step.key.address for step in plan.steps} | {change.key.address for change in plan.changes}
        return about <= self.addresses and not removes(plan) and not readdresses(plan)


class Surroundings:
    """Finds vicinities. What it keeps follows from one commit alone, or from one snapshot alone. Only one thread may
    use it.
    """

    def __init__(self) -> None:
        self._desired: Desired | None = None
        self._declared: Joined = {}
        self._rivals: Mapping[Address, Collection[Address]] = {}
        self._ranges: Ranges = {}
        self._common: dict[Address, Resource] = {}
        self._shown: dict[str, Shown] = {}

    def of(self, desired: Desired, snapshots: Sequence[Snapshot], targets: Collection[Address]) -> Vicinity | None:
        """The vicinity of these resources; None when there is none that is known to be enough."""
        self.take_up(desired, snapshots)
        known = all(each in desired.resources and joins(each) for each in targets)
        if not known or any(each.odd for each in self._shown.values()):
            return None
        near = self._near(targets, max(WORTH_IT, len(desired.resources) // 2))
        return self._cut(desired, near) if near else None

    def take_up(self, desired: Desired, snapshots: Sequence[Snapshot]) -> None:
        """Work out what is joined, where that is not known, so that nobody has to wait for it later."""
        if desired is not self._desired:
            self._desired, self._declared, self._rivals = desired, declared(desired), rivals(desired)
            self._ranges = ranges(desired)
            self._common = {address: each for address, each in desired.resources.items() if address.project is None}
        known = ((each, self._shown.get(each.host)) for each in snapshots)
        self._shown = {
            each.host: shown if shown is not None and shown.snapshot is each else Shown(each) for each, shown in known
        }

    def _near(self, targets: Collection[Address], most: int) -> set[Address] | None:
        """All that is joined to them, directly or not; None when it is more than that."""
        joined = [self._declared, *(each.joined for each in self._shown.values())]
        found, ahead = set(targets), list(targets)
        while ahead and len(found) <= most:
            address = ahead.pop()
            fresh = {other for each in joined for other in each.get(address, ())} - found
            found |= fresh
            ahead.extend(fresh)
        return found if len(found) <= most else None

    def _cut(self, desired: Desired, near: set[Address]) -> Vicinity | None:
        ours = {address: desired.resources[address] for address in near if address in desired.resources}
        found = self._found(near)
        if not self._stands(desired, ours, found):
            return None
        named = {address: desired.resources[address] for address in closure(desired, ours)}
        part = msgspec.structs.replace(desired, resources=dict(sorted({**self._common, **named, **ours}.items())))
        kept, hosts = sorted(near | {each for each in named if each.project is None}), _hosts(found)
        snapshots = [_part(each, kept if host in hosts else ()) for host, each in self._shown.items()]
        return Vicinity(desired=part, snapshots=snapshots, addresses=near)

    def _found(self, origins: Collection[Address]) -> Found:
        """What is seen of each, over all hosts."""
        shown = [each.objects for each in self._shown.values()]
        return {origin: [one for each in shown for one in each.get(origin, ())] for origin in origins}

    def _stands(self, desired: Desired, ours: Mapping[Address, Resource], found: Found) -> bool:
        """Whether all that is seen of it is declared, whole, and on hosts that were completely seen, and stays as it
        is, and no network from elsewhere may overlap with it: also none that has another range than is declared.
        """
        seen, hosts = [each for several in found.values() for each in several], _hosts(found)
        origins = {each.origin for each in ours.values()}
        known = all(each.origin in origins and not each.incomplete for each in seen)
        complete = all(Address("Host", None, host) in desired.resources and self._complete(host) for host in hosts)
        return (
            known
            and complete
            and all(stays(each, found, desired) for each in ours.values())
            and all(as_declared(each, self._ranges) for host in hosts for each in self._shown[host].networks)
            and self._apart(desired, ours, hosts)
        )

    def _complete(self, host: str) -> bool:
        return self._shown[host].snapshot.complete

    def _apart(self, desired: Desired, ours: Mapping[Address, Resource], hosts: Collection[str]) -> bool:
        others = {each for address in ours for each in self._rivals.get(address, ())} - ours.keys()
        rivals = [desired.resources[address] for address in others]
        return apart(rivals, self._found({each.origin for each in rivals}), hosts)


def _hosts(found: Found) -> set[str]:
    return {each.key.host for several in found.values() for each in several}


def _part(shown: Shown, origins: Collection[Address]) -> Snapshot:
    """What a host shows of that; what it can do, and what is foreign there, all the same."""
    objects = tuple(each for origin in origins for each in shown.objects.get(origin, ()))
    return msgspec.structs.replace(shown.snapshot, objects=objects)
