"""Everything that is left as it is, and in one line why: by placement, by addressing, and by what waits for those."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from reconciler.address import Address
from reconciler.addressing import Addressing
from reconciler.desired import Desired
from reconciler.kinds.instance import awaited
from reconciler.placement import Placement
from reconciler.snapshots import Snapshots

Lines = dict[Address, str]


def holding(desired: Desired, placed: Placement, settled: Addressing, seen: Snapshots) -> Lines:
    """What is held by itself, and the new instances that depend on something that will not stand."""
    held = {**settled.held, **placed.held}
    waits = _awaiting(desired, seen)
    unknown = (address for address in waits if _nowhere_seen(address, placed, seen))
    gone = deque(address for address in sorted({*held, *unknown}) if not _stands(desired, address, seen))
    while gone:
        target = gone.popleft()
        for address in waits.get(target, ()):
            if address not in held:
                held[address] = f"waits for {target}"
                gone.append(address)
    return held


def _awaiting(desired: Desired, seen: Snapshots) -> Mapping[Address, list[Address]]:
    """Per instance, the new ones that depend on it."""
    found: dict[Address, list[Address]] = defaultdict(list)
    for address, resource in sorted(desired.resources.items()):
        if address.kind == "Instance" and resource.spec.depends_on and not _stands(desired, address, seen):
            for target in awaited(resource):
                found[target].append(address)
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
    told = {str(address): f"{host} was not completely seen" for address, host in placed.hosts.items() if host in away}
    told |= {str(address): line for address, line in held.items()}
    return dict(sorted(told.items()))
