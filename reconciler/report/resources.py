"""What is declared and what stands: rows for `get`, made of the desired resources and the snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from reconciler.address import Address
from reconciler.kinds.base import REGISTRY, Resource, nothing
from reconciler.objects import Observed
from reconciler.observation import Failed, Partial, Snapshot
from reconciler.report.line import Line, Span, line
from reconciler.report.value import plain_value

RETAINED = "Retained"
"""The state of what nobody declares and what stays all the same: a volume with data."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One resource, declared or standing or both, with its objects. `why` says in a line why it is not as declared, or
    what it waits for. `missing` says what a guest lacks to be ready: nothing when it is, None when nobody asked.
    """

    address: Address
    resource: Resource | None
    objects: tuple[Observed, ...]
    state: str
    why: str = ""
    missing: str | None = None

    @property
    def hosts(self) -> list[str]:
        """Where its objects stand."""
        return sorted({observed.key.host for observed in self.objects})


def rows(
    resources: Mapping[Address, Resource], snapshots: Sequence[Snapshot], whys: Mapping[Address, str] | None = None
) -> list[Row]:
    """Every resource that is declared or of which objects stand, by address."""
    told = whys or {}
    objects: dict[Address, list[Observed]] = {}
    for snapshot in snapshots:
        for observed in snapshot.objects:
            objects.setdefault(observed.key.address, []).append(observed)
    used = _used(resources)
    found = []
    for address in sorted({*resources, *objects}, key=_by_words):
        resource, stand = resources.get(address), tuple(objects.get(address, ()))
        kept = resource is None and all(map(REGISTRY[address.kind].retained, stand))
        state = RETAINED if kept else _state(address, stand, snapshots, address in used)
        found.append(Row(address=address, resource=resource, objects=stand, state=state, why=told.get(address, "")))
    return found


def _used(resources: Mapping[Address, Resource]) -> set[Address]:
    """The instances, whatever they refer to, and so on: what is declared but stands nowhere without them."""
    used: set[Address] = set()
    left = [address for address in resources if address.kind == "Instance"]
    while left:
        address = left.pop()
        if address in resources and address not in used:
            used.add(address)
            resource = resources[address]
            left += [reference.target for reference in resource.references]
    return used


def _by_words(address: Address) -> tuple[str, str, str]:
    return address.kind, address.project or "", address.name


def _state(address: Address, objects: Sequence[Observed], snapshots: Sequence[Snapshot], used: bool) -> str:
    if address.kind == "Host":
        return _host_state(address, snapshots)
    if objects:
        states = sorted({state_of(observed) for observed in objects})
        return "Incomplete" if "Incomplete" in states else "/".join(states)
    if REGISTRY[address.kind].realise is nothing:
        return "Declared"
    if not all(snapshot.complete for snapshot in snapshots):
        return "Unknown"
    return "Absent" if used else "Unused"


def state_of(observed: Observed) -> str:
    """One object's state in a word."""
    if observed.incomplete:
        return "Incomplete"
    if observed.key.address.kind == "Instance":
        return "Stopped" if observed.running is None else "Running"
    if observed.key.address.kind == "Network":
        return "Active" if observed.stored.get("active") else "Inactive"
    return "Present"


def _host_state(address: Address, snapshots: Sequence[Snapshot]) -> str:
    status = next((snapshot.status for snapshot in snapshots if snapshot.host == address.name), None)
    if status is None:
        return "Declared"
    return "Unseen" if isinstance(status, Failed) else "Partly seen" if isinstance(status, Partial) else "Seen"


def addresses(row: Row) -> list[str]:
    """The IP addresses of an instance's NICs, of both families."""
    found = [
        value
        for observed in row.objects
        for path, value in sorted(observed.stored.items())
        if path.startswith("nics.") and path.endswith((".address", ".address6")) and isinstance(value, str)
    ]
    return list(dict.fromkeys(found))


def hidden_lines(snapshots: Iterable[Snapshot]) -> list[Line]:
    """What was not seen, host by host."""
    return [
        line(Span("warning", "bold yellow"), f": {snapshot.host} was not completely seen: {'; '.join(gaps)}")
        for snapshot in snapshots
        if (gaps := gaps_of(snapshot))
    ]


def gaps_of(snapshot: Snapshot) -> list[str]:
    """What of a host was not seen, and why."""
    if isinstance(snapshot.status, Failed):
        return [snapshot.status.error]
    return list(snapshot.status.gaps) if isinstance(snapshot.status, Partial) else []


def rows_value(fleet: str, found: Iterable[Row], snapshots: Iterable[Snapshot]) -> dict[str, Any]:
    """Everything, ready for JSON."""
    return {
        "formatVersion": 1,
        "fleet": fleet,
        "hosts": [
            {"host": snapshot.host, "complete": snapshot.complete, "gaps": gaps_of(snapshot)} for snapshot in snapshots
        ],
        "resources": [row_value(row) for row in found],
    }


def row_value(row: Row) -> dict[str, Any]:
    """One resource with its objects, ready for JSON."""
    place = row.resource.place if row.resource else None
    return {
        "address": str(row.address),
        "kind": row.address.kind,
        "project": row.address.project,
        "name": row.address.name,
        "labels": dict(row.resource.labels) if row.resource else {},
        "declared": row.resource is not None,
        "state": row.state,
        "why": row.why,
        **({} if row.missing is None else {"ready": not row.missing}),
        "source": {"path": place.path, "line": place.line or None} if place else None,
        "objects": [object_value(observed) for observed in row.objects],
    }


def object_value(observed: Observed) -> dict[str, Any]:
    """One object, ready for JSON."""
    return {
        "host": observed.key.host,
        "part": observed.key.part,
        "uid": observed.uid,
        "state": state_of(observed),
        "commit": observed.commit or None,
        "guards": list(observed.guards),
        "stored": _fields_value(observed.stored),
        "running": None if observed.running is None else _fields_value(observed.running),
    }


def _fields_value(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {path: plain_value(path, value) for path, value in sorted(fields.items())}
