"""The world that a commit would have made, for plans that look at no host: two commits compared.

What stands is taken to be what the commit declares, carried out whole; where it says no host or no address, the same
code decides as on hosts with nothing on them. What is assumed so is marked in the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from reconciler.address import Address
from reconciler.addressing import addressing
from reconciler.desired import Desired
from reconciler.diff import WHETHER_IT_RUNS
from reconciler.kinds.base import Resource
from reconciler.objects import Observed, Wanted, digest
from reconciler.observation import HostFacts, Snapshot
from reconciler.placement import placement
from reconciler.plan import Change, FieldChange, Plan
from reconciler.planning import GROUPS
from reconciler.planning.holding import holding
from reconciler.realise import members, realise, with_members, world
from reconciler.snapshots import Snapshots

ASSUMED = "assumed"
ACTIVE = "Active"
WITH_LEDGER = frozenset({"Instance", "Network"})
"""Kinds that remember what was applied to them: only of these a field that is no longer declared is taken back."""
_OF_ADDRESS = frozenset({"address", "address6", "mac"})
_NO_ADDRESS = "no manifest says it: the lowest that would be free is assumed"
_MEMBERS = "among these are addresses that no manifest says"


def assumed(base: Desired, drivers: Mapping[str, str], *others: Desired) -> list[Snapshot]:
    """A snapshot of every host that has a driver named here, with what `base` would have made on it.

    Hosts can do whatever `base` and the `others` ask of a host, and have room without end.
    """
    able = [_snapshot(name, driver, (base, *others), ()) for name, driver in sorted(drivers.items())]
    standing = _made(base, able)
    opened = _opened(base)
    if opened is not base:
        standing = _made(opened, [_with(each, standing) for each in able])
    return [_with(each, standing) for each in able]


def _with(snapshot: Snapshot, objects: Iterable[Observed]) -> Snapshot:
    here = tuple(each for each in objects if each.key.host == snapshot.host)
    return msgspec.structs.replace(snapshot, objects=here)


def _snapshot(host: str, driver: str, asking: Collection[Desired], objects: tuple[Observed, ...]) -> Snapshot:
    specs = [(address.kind, each.spec) for one in asking for address, each in one.resources.items()]
    wires = {spec.physical_network for kind, spec in specs if kind == "Network"} - {None}
    facts = HostFacts(
        host=host,
        driver=driver,
        enforcement=ASSUMED,
        features=("uefi", "secure-boot"),
        pools=dict.fromkeys(sorted({spec.pool for kind, spec in specs if kind == "Volume"} - {None}), 0),
        physical_networks=tuple(sorted(wires)),
    )
    return Snapshot(host=host, facts=facts, objects=objects, assumed=True)


def _opened(base: Desired) -> Desired:
    """The same with every host active: what stands on one that takes nothing new was made before it was closed."""
    closed = {
        address: msgspec.structs.replace(each, spec=msgspec.structs.replace(each.spec, state=ACTIVE))
        for address, each in base.resources.items()
        if address.kind == "Host" and each.spec.state != ACTIVE
    }
    return msgspec.structs.replace(base, resources={**base.resources, **closed}) if closed else base


def _made(base: Desired, snapshots: Sequence[Snapshot]) -> list[Observed]:
    """Everything that stands once a commit was carried out whole."""
    seen = Snapshots(snapshots)
    placed = placement(base, seen)
    settled = addressing(base, placed, seen)
    held = frozenset(holding(base, placed, settled, seen).held)
    around = world(base, placed, settled)
    others = [each for each in realise(around, held) if each.key.address.kind not in GROUPS]
    joined = members(each.fields for each in others if each.key.address.kind == "Instance")
    return [_observed(each) for each in (*others, *realise(with_members(around, joined), held, GROUPS))]


def _observed(wanted: Wanted) -> Observed:
    """A wanted object, as it shows itself once it was made: only instances are seen to use others."""
    running = {path: value for path, value in wanted.fields.items() if path not in WHETHER_IT_RUNS}
    kept = wanted.key.address.kind in WITH_LEDGER
    return Observed(
        key=wanted.key,
        origin=wanted.origin,
        uid=ASSUMED,
        stored=dict(wanted.fields),
        running=running if wanted.fields.get("powerState") == "Running" else None,
        owned={path: digest(value) for path, value in wanted.fields.items()} if kept else {},
        guards=wanted.guards,
        needs=wanted.needs if wanted.key.address.kind == "Instance" else (),
    )


def marked(plan: Plan, before: Desired, after: Desired, snapshots: Iterable[Snapshot]) -> Plan:
    """The plan with everything marked that follows from no manifest: hosts, addresses, and members of groups."""
    marking = _Marking(before, after, snapshots)
    changes = [marking.fields(marking.host(change)) for change in plan.changes]
    addresses = {*marking.standing, *(value for each in changes for value in _uncertain(each))}
    return msgspec.structs.replace(plan, changes=tuple(_members(each, addresses) for each in changes))


class _Marking:
    """Who says what. `standing` are the addresses in the assumed world that no manifest says."""

    def __init__(self, before: Desired, after: Desired, snapshots: Iterable[Snapshot]) -> None:
        self._sides = (after, before)
        self._several = len({a for side in self._sides for a in side.resources if a.kind == "Host"}) > 1
        placed = [r for side in self._sides for a, r in side.resources.items() if a.kind in ("Instance", "Volume")]
        self._everywhere_said = all(map(self._says_host, placed))
        self.standing = {
            str(value)
            for snapshot in snapshots
            for each in snapshot.objects
            for path, value in each.stored.items()
            if each.key.address.kind == "Instance" and self._unsaid(each.key.address, path)
        }

    def host(self, change: Change) -> Change:
        """Marked when its host is assumed: one that stands once says its own, the others follow these."""
        resource = self._resource(change.key.address)
        once = resource is not None and change.key.address.kind in ("Instance", "Volume", "Network")
        said = self._says_host(resource) if once and resource else self._everywhere_said
        return msgspec.structs.replace(change, assumed=self._several and not said)

    def fields(self, change: Change) -> Change:
        """Addresses that no manifest says, marked."""
        if change.key.address.kind != "Instance":
            return change
        fields = tuple(
            msgspec.structs.replace(field, certain=False, reason=field.reason or _NO_ADDRESS)
            if self._unsaid(change.key.address, field.path)
            else field
            for field in change.fields
        )
        return msgspec.structs.replace(change, fields=fields)

    def _unsaid(self, instance: Address, path: str) -> bool:
        """Whether a path is of a NIC's address that neither commit declares."""
        entry, _, leaf = path.rpartition(".")
        if not entry.startswith("nics.") or leaf not in _OF_ADDRESS:
            return False
        resource = self._resource(instance)
        nic: Any = resource.spec.networks.get(entry.removeprefix("nics.")) if resource else None
        said = nic is not None and (nic.address or (leaf == "address6" and nic.address6))
        return not said

    def _says_host(self, resource: Resource) -> bool:
        """Whether a host follows from manifests: its own, or that of a network or volume which stands on one host."""
        if resource.address.kind != "Instance":
            return bool(resource.spec.host)
        needed = (
            self._resource(each.target) for each in resource.references if each.target.kind in ("Network", "Volume")
        )
        return bool(resource.spec.placement.host) or any(each and each.spec.host for each in needed)

    def _resource(self, address: Address) -> Resource | None:
        return next((side.resources[address] for side in self._sides if address in side.resources), None)


def _uncertain(change: Change) -> Iterator[str]:
    """The addresses of an instance's change that are assumed."""
    for field in change.fields if change.key.address.kind == "Instance" else ():
        if not field.certain and field.path.startswith("nics.") and field.path.endswith((".address", ".address6")):
            yield from (str(value) for value in (field.before, field.after) if value)


def _members(change: Change, addresses: Collection[str]) -> Change:
    """A change of a group, its members marked when among those that come or go are assumed ones."""
    if change.key.address.kind != "SecurityGroup":
        return change
    return msgspec.structs.replace(change, fields=tuple(_member_field(field, addresses) for field in change.fields))


def _member_field(field: FieldChange, addresses: Collection[str]) -> FieldChange:
    before, after = (value if isinstance(value, tuple) else () for value in (field.before, field.after))
    if field.path != "members" or not (set(before) ^ set(after)) & set(addresses):
        return field
    return msgspec.structs.replace(field, certain=False, reason="; ".join(filter(None, [field.reason, _MEMBERS])))
