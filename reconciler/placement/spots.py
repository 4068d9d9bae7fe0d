"""What was decided for one resource, and what follows from where it stands already."""

from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Resource
from reconciler.objects import Observed
from reconciler.placement import words
from reconciler.placement.capacity import Capacity, seen_amounts, wanted_amounts
from reconciler.placement.fit import Reasons
from reconciler.placement.hosts import Hosts

FIELDS = {"vcpus": "vcpus", "memory": "memory", "disk": "disk.size"}
"""The field of an instance that holds each amount; a volume has but its size."""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """`held` says in one line why it is left as it is, and is empty when it is not; `host` is also known for some that
    are held. It may stand on the hosts that it is `unsure` about.
    """

    host: str | None = None
    held: str = ""
    unsure: tuple[str, ...] = ()
    diagnostic: Diagnostic | None = None


def declared_host(resource: Resource) -> str | None:
    """The host that a manifest names."""
    spec = resource.spec
    host: str | None = spec.placement.host if resource.address.kind == "Instance" else spec.host
    return host


def closed(resource: Resource, host: str, hosts: Hosts, keeps: str | None = None) -> Spot | None:
    """Why nothing new is made on a host; None when it takes new things."""
    if hosts.bars(resource.address.project, host):
        line = f"project {resource.address.project} may not use {host}"
        return Spot(host=keeps, held=line, diagnostic=words.barred(resource, host))
    if (state := hosts.states.get(host)) == "Active":
        return None
    line = f"{host} is {state or 'not declared'} and takes nothing new"
    return Spot(host=keeps, held=line, diagnostic=words.closed(resource, host, hosts))


def maybe_elsewhere(resource: Resource, hosts: Hosts, reasons: Reasons | None = None) -> Spot:
    """What was not found, and may stand where nobody could look."""
    line = f"may stand on {', '.join(hosts.unseen)}, which was not completely seen"
    return Spot(held=line, diagnostic=words.maybe_elsewhere(resource, hosts, reasons))


class Standing:
    """What stands somewhere stays there. What it is to grow by is claimed before anything new is placed; where that is
    not left it is `cramped`: by field, why it keeps what it has.
    """

    def __init__(self, desired: Desired, hosts: Hosts, capacity: Capacity) -> None:
        self.cramped: dict[Address, dict[str, str]] = {}
        self._desired, self._hosts, self._capacity = desired, hosts, capacity

    def spot(self, resource: Resource) -> Spot | None:
        """Where it stands; None when it was not found."""
        seen, declared = self._hosts.observed(resource), declared_host(resource)
        if not seen:
            return None
        if declared in seen and resource.address.kind == "Network":
            return Spot(host=declared)
        if len(seen) > 1:
            told = words.seen_twice(resource, seen)
            return Spot(held=f"stands on {' and '.join(seen)}", diagnostic=told)
        self._grow(resource, seen[0])
        moved = declared not in (None, seen[0])
        against = words.differs(resource, str(declared), seen[0]) if moved else self._against(resource, seen[0])
        return Spot(host=seen[0], diagnostic=against)

    def _against(self, resource: Resource, host: str) -> Diagnostic | None:
        barred = self._hosts.bars(resource.address.project, host)
        return words.barred(resource, host, stands=True) if barred else None

    def _grow(self, resource: Resource, host: str) -> None:
        if resource.address.kind not in ("Instance", "Volume"):
            return
        observed = self._hosts.snapshots.of(resource.origin)[0]
        has = seen_amounts(observed)
        for of, asked in wanted_amounts(resource, self._desired).items():
            if asked > has.get(of, 0):
                self._raise(resource, host, of, asked - has.get(of, 0), observed)

    def _raise(self, resource: Resource, host: str, of: str, more: int, observed: Observed) -> None:
        """One that is half made goes on: its room was looked at when it was begun."""
        shortage = next(self._capacity.shortages(host, {of: more}), None)
        if shortage and not observed.incomplete:
            path = FIELDS[of] if resource.address.kind == "Instance" else "size"
            why = f"{host} has no room for it to grow; {shortage.more()}"
            self.cramped.setdefault(resource.address, {})[path] = why
        else:
            self._capacity.claim(host, {of: more})
