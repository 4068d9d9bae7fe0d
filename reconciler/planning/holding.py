"""Everything that is left as it is, and in one line why: by placement, by addressing, and by what waits for those."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

import msgspec

from reconciler.address import Address
from reconciler.addressing import Addressing
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, error
from reconciler.kinds.instance import awaited
from reconciler.placement import Placement
from reconciler.snapshots import Snapshots

Lines = dict[Address, str]

MOST_NAMES = 10
"""Names in one message; more are counted."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What is `held`, in one line why, and what has to be told of it beside what placement and addressing tell."""

    held: Lines
    diagnostics: tuple[Diagnostic, ...] = ()


def holding(desired: Desired, placed: Placement, settled: Addressing, seen: Snapshots) -> Holding:
    """What is held by itself, and the new instances that depend on something that will not stand."""
    held = {**settled.held, **placed.held}
    late: dict[Address, list[str]] = defaultdict(list)
    waits = _awaiting(desired, seen)
    unknown = (address for address in waits if _nowhere_seen(address, placed, seen))
    gone = deque(address for address in sorted({*held, *unknown}) if not _stands(desired, address, seen))
    while gone:
        target = gone.popleft()
        for address in waits.get(target, ()):
            if address not in held:
                held[address] = f"waits for {target}"
                late[target].append(str(address))
                gone.append(address)
    return Holding(held=held, diagnostics=tuple(_waiting(target, names) for target, names in sorted(late.items())))


def _waiting(target: Address, names: list[str]) -> Diagnostic:
    more = len(names) - MOST_NAMES
    told = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    detail = f"{target} does not stand, and is not made now. These depend on it, and are made once it is ready: {told}."
    return error("dependency-held", "instances wait for one that they depend on", detail)


def _awaiting(desired: Desired, seen: Snapshots) -> Mapping[Address, list[Address]]:
    """Per instance, the new ones that depend on it."""
    found: dict[Address, list[Address]] = defaultdict(list)
    asking = (each for each in desired.resources.values() if each.address.kind == "Instance" and each.spec.depends_on)
    for resource in sorted(asking, key=lambda each: each.address):
        if not _stands(desired, resource.address, seen):
            for target in awaited(resource):
                found[target].append(resource.address)
    return found


def _stands(desired: Desired, address: Address, seen: Snapshots) -> bool:
    return address in desired.resources and any(
        not each.incomplete for each in seen.of(desired.resources[address].origin)
    )


def _nowhere_seen(address: Address, placed: Placement, seen: Snapshots) -> bool:
    """Whether it is to be on a host that was not completely seen, where nothing is planned."""
    return address in placed.hosts and placed.hosts[address] not in seen.complete


def lines(held: Lines, placed: Placement, unseen: Iterable[str]) -> dict[str, str]:
    """What is held, and everything else that is on a host which was not completely seen, for people."""
    away = frozenset(unseen)
    told = {str(address): line for address, line in held.items()}
    told |= {str(address): f"{host} was not completely seen" for address, host in placed.hosts.items() if host in away}
    return dict(sorted(told.items()))
