"""A world without effects: hosts as values, and steps carried out on them as the contract says.

It is strict like a hypervisor (needs must stand, what is used cannot be deleted, a step may not do more than the plan
announced), so that a wrong order or a wrong impact in a plan fails a law here, in microseconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from reconciler import planning
from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired
from reconciler.diff import WHETHER_IT_RUNS
from reconciler.diff.entries import is_head
from reconciler.guard import Allow
from reconciler.impact import Impact, ImpactTable
from reconciler.objects import Ended, Observed, Value, Wanted, digest
from reconciler.observation import HostFacts, Partial, Snapshot, Status
from reconciler.plan import Plan, Source, Step
from reconciler.snapshots import identity
from reconciler_simulator.impacts import IMPACTS

LEDGER = frozenset({"Instance", "Network"})
"""Kinds with metadata of their own: only they remember what was applied."""
MARKED = LEDGER | {"Volume"}
"""Kinds that carry their guards: a volume in marks beside it."""


class Broken(Exception):
    """A step that no hypervisor would carry out, or that did more than its plan said."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts and what stands on them, by identity."""

    hosts: tuple[str, ...] = ("kvm-01",)
    objects: Mapping[ObjectKey, Observed] = {}
    impacts: ImpactTable = IMPACTS
    facts: Mapping[str, HostFacts] = {}

    def snapshots(self, statuses: Mapping[str, Status] | None = None) -> list[Snapshot]:
        """Every host observed; of one that is not completely seen, nothing."""
        return [self._snapshot(host, (statuses or {}).get(host)) for host in self.hosts]

    def _snapshot(self, host: str, status: Status | None) -> Snapshot:
        if status is not None and not isinstance(status, Partial):
            return Snapshot(host=host, status=status)
        facts = self.facts.get(host, facts_of(host))
        found = tuple(each for key, each in sorted(self.objects.items()) if key.host == host)
        if status is not None:
            return Snapshot(host=host, status=status, facts=facts, objects=found[::2])
        return Snapshot(host=host, facts=facts, objects=found)

    def plan(
        self,
        desired: Desired,
        *,
        allow: Allow = Allow(),
        targets: Iterable[Address] = (),
        statuses: Mapping[str, Status] | None = None,
    ) -> Plan:
        """What closes the difference here."""
        impacts = dict.fromkeys(self.hosts, self.impacts)
        source = Source(commit="c0ffee")
        return planning.planned(desired, self.snapshots(statuses), impacts, source, allow, frozenset(targets)).plan

    def applied(self, plan: Plan, broken: frozenset[str] = frozenset(), crash: str = "") -> World:
        """The world after a plan: `broken` steps fail and their dependents are skipped; `crash` stops in the middle."""
        world, failed = self, set(broken)
        for step in plan.steps:
            if step.id == crash:
                return world.with_object(world.half(step), step)
            if step.id in failed or failed & set(step.after):
                failed.add(step.id)
            else:
                world = world.after(step, plan.source.commit)
        return world

    def with_object(self, observed: Observed | None, step: Step) -> World:
        """The world with another object under a step's identity."""
        key = self.identity_of(step)
        rest = {each: found for each, found in self.objects.items() if each != key}
        return msgspec.structs.replace(self, objects=rest if observed is None else {**rest, key: observed})

    def identity_of(self, step: Step) -> ObjectKey:
        """Under which identity the step's object stands."""
        if step.wanted is not None:
            return identity(step.wanted)
        return next((key for key, each in self.objects.items() if each.key == step.key), step.key)

    def after(self, step: Step, commit: str = "") -> World:
        """One step, carried out whole. Raises `Broken`."""
        found = self.objects.get(self.identity_of(step))
        if (found.digest() if found else None) != step.expect and not (step.verb == "create" and found is None):
            raise Broken(f"{step.id}: race")
        if step.wanted is None:
            self._check_unused(step)
            return self.with_object(None, step)
        self._check_needs(step)
        self._check_awaits(step)
        self._check_writers(step)
        if step.verb == "update":
            if found is None:
                raise Broken(f"{step.id}: nothing there to update")
            return self.with_object(updated(found, step, commit), step)
        return self.with_object(created(step.wanted, commit), step)

    def half(self, step: Step) -> Observed | None:
        """What stands when the process is killed in the middle of a step."""
        found = self.objects.get(self.identity_of(step))
        if step.verb == "update":
            return found
        if step.verb == "delete" or step.wanted is None:
            if found is None:
                return None
            return msgspec.structs.replace(found, running=None, incomplete=True, owned={}, guards=())
        volume = step.key.address.kind == "Volume"
        begun = () if volume else ("image", "disk.size")
        stored = {path: value for path, value in step.wanted.fields.items() if path in begun}
        needs = tuple(need for need in step.wanted.needs if need.address.kind == "Image")
        return Observed(
            key=step.wanted.key, origin=step.wanted.origin, uid="half", stored=stored, incomplete=True, needs=needs
        )

    def _check_needs(self, step: Step) -> None:
        assert step.wanted is not None
        for need in used(step.key.host, step.wanted.fields):
            if need not in self.objects or self.objects[need].incomplete:
                raise Broken(f"{step.id}: {need} does not stand")

    def _check_awaits(self, step: Step) -> None:
        standing = {key.address for key, each in self.objects.items() if not each.incomplete}
        for each in step.wanted.awaits if step.wanted and step.ready else ():
            if (each.origin or each.key.address) not in standing and step.verb == "create":
                raise Broken(f"{step.id}: {each.key} does not stand")

    def _check_writers(self, step: Step) -> None:
        assert step.wanted is not None
        disks = {key for key in used(step.key.host, step.wanted.fields) if key.address.kind == "Volume"}
        for each in self.objects.values():
            if each.key.address.kind == "Instance" and each.origin != step.wanted.origin and disks & set(each.needs):
                raise Broken(f"{step.id}: {each.key} has one of its volumes")

    def _check_unused(self, step: Step) -> None:
        for each in self.objects.values():
            if step.key in each.needs and each.key.address.kind != step.key.address.kind:
                raise Broken(f"{step.id}: {each.key} still uses it")


def facts_of(host: str, **more: Any) -> HostFacts:
    """A host that can do everything, and says nothing about how much it has."""
    usual: dict[str, Any] = {"enforcement": "pure", "features": ("uefi", "secure-boot"), "physical_networks": ("wire",)}
    return HostFacts(host=host, driver="pure", **{**usual, **more})


def used(host: str, fields: Mapping[str, Value]) -> Iterator[ObjectKey]:
    """The objects that an instance or volume with these fields uses."""
    for path, value in fields.items():
        if path == "image" and isinstance(value, str):
            name, _, content = value.partition("@")
            yield ObjectKey(host, Address("Image", None, name), content)
        elif is_head(path) and isinstance(value, str):
            yield ObjectKey(host, Address.parse(value))
        elif path.endswith(".securityGroups") and isinstance(value, tuple):
            yield from (ObjectKey(host, Address.parse(group)) for group in value)


def created(wanted: Wanted, commit: str) -> Observed:
    """A wanted object, made."""
    ledger = wanted.key.address.kind in LEDGER
    return Observed(
        key=wanted.key,
        origin=wanted.origin,
        uid=str(uuid.uuid5(uuid.NAMESPACE_URL, str(identity(wanted)))),
        stored=dict(wanted.fields),
        running=running(wanted.fields),
        owned={path: digest(value) for path, value in wanted.fields.items()} if ledger else {},
        guards=wanted.guards if wanted.key.address.kind in MARKED else (),
        commit=commit,
        needs=tuple(sorted(set(used(wanted.key.host, wanted.fields)))),
    )


def fallen(found: Observed, ended: Ended) -> Observed:
    """A guest that came to its end, as the hypervisor tells of it."""
    return msgspec.structs.replace(found, stored={**found.stored, "powerState": "Stopped"}, running=None, ended=ended)


def running(fields: Mapping[str, Value]) -> dict[str, Value] | None:
    """The live form right after a start."""
    if fields.get("powerState") != "Running":
        return None
    return {path: value for path, value in fields.items() if path not in WHETHER_IT_RUNS}


def updated(found: Observed, step: Step, commit: str) -> Observed:
    """An object after an update: stored as wanted, running changed as far as the announced impact allows."""
    assert step.wanted is not None
    made = created(step.wanted, commit)
    foreign = {p: v for p, v in found.stored.items() if p not in made.stored and p not in found.owned}
    owned = {path: digest for path, digest in made.owned.items() if path not in step.waiting}
    owned |= {path: digest for path, digest in found.owned.items() if path in step.waiting}
    now = msgspec.structs.replace(
        made, uid=found.uid, stored={**foreign, **made.stored}, running=_live(found, made, step), owned=owned
    )
    if now.running is None and found.running is None:
        now = msgspec.structs.replace(now, ended=found.ended)
    seen = {**(now.running or {}), **now.stored}
    needs = {*used(found.key.host, now.stored), *used(found.key.host, now.running or {}), *used(found.key.host, seen)}
    return msgspec.structs.replace(now, needs=tuple(sorted(needs)))


def _live(found: Observed, made: Observed, step: Step) -> dict[str, Value] | None:
    if made.running is None or found.running is None or step.impact.rank >= Impact.RESTART.rank:
        return made.running
    live = dict(found.running)
    for path in step.paths:
        live.pop(path, None)
        if path in made.running:
            live[path] = made.running[path]
    return live
