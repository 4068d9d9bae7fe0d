"""Leaving steps until the guests are ready on which they depend, so that no run waits for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.plan import Outcome, Plan, Step
from reconciler.serve.patience.started import AT_ONCE
from reconciler.serve.patience.withholding import in_order
from reconciler.serve.telling.status import ResourceStatus


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is left until a guest is ready. `by` is the id of what stands for that guest: the step that starts
    it, or what tells of it in the account of a run.
    """

    step: Step
    guest: ObjectKey
    by: str

    @property
    def words(self) -> str:
        """What it waits for, for people."""
        return f"waits until {self.guest.address} is ready"


class Postponed(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without the steps that are held."""

    plan: Plan
    held: tuple[Held, ...] = ()


def postpone(plan: Plan, unready: Mapping[Address, str]) -> Postponed:
    """The plan without the steps that would wait for a guest, nor those that come after them. `unready` are the guests
    that are known not to be ready, with what stands for them.

    It is then no longer one for all that is desired: its commit does not count as applied when it is carried out.
    """
    steps = {step.id: step for step in plan.steps}
    held: dict[str, Held] = {}
    for step in in_order(plan):
        guest, by = next(_blockers(step, steps, held, unready), (None, ""))
        if guest is not None:
            held[step.id] = Held(step=step, guest=guest, by=by)
    if not held:
        return Postponed(plan=plan)
    kept = tuple(step for step in plan.steps if step.id not in held)
    extent = "targeted" if plan.extent == "whole" else plan.extent
    left = tuple(held[step.id] for step in plan.steps if step.id in held)
    return Postponed(plan=msgspec.structs.replace(plan, steps=kept, extent=extent), held=left)


def _blockers(
    step: Step, steps: Mapping[str, Step], held: Mapping[str, Held], unready: Mapping[Address, str]
) -> Iterator[tuple[ObjectKey, str]]:
    """The guests for which a step has to wait, with what stands for them."""
    for need in step.after:
        if need in held:
            yield held[need].guest, held[need].by
        elif _takes_time(steps[need]):
            yield steps[need].key, need
    for each in step.awaits:
        if each.key.address in unready:
            yield each.key, unready[each.key.address]


def _takes_time(step: Step) -> bool:
    return step.ready is not None and step.ready.check not in AT_ONCE


def unhurried(plan: Plan) -> Plan:
    """The plan, in which no guest is waited for: what else happens on the hosts shall not wait for that."""
    steps = (msgspec.structs.replace(step, ready=None, awaits=()) for step in plan.steps)
    return msgspec.structs.replace(plan, steps=tuple(steps))


def skipped(held: Iterable[Held], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """What became of those that are held for a guest that was not started, or is not ready in time: as `apply` says
    it of steps that come after one that failed.
    """
    failed = {each.step: each for each in outcomes if each.status in ("failed", "skipped")}
    return [
        Outcome(step=each.step.id, status="skipped", blocked_by=failed[each.by].blocked_by or each.by)
        for each in held
        if each.by in failed
    ]


def stands(
    held: Iterable[Held], outcomes: Iterable[Outcome], late: Mapping[Address, bool]
) -> dict[Address, ResourceStatus]:
    """What the status says of those that are held, after a run with these outcomes. `late` says of guests whether their
    time is up.
    """
    out = {each.step for each in outcomes if each.status == "skipped"}
    return {
        each.step.key.address: _stands(each, hopeless=each.step.id in out or late.get(each.guest.address, False))
        for each in held
    }


def _stands(held: Held, *, hopeless: bool) -> ResourceStatus:
    address, guest = str(held.step.key.address), held.guest.address
    if hopeless:
        message = f"it depends on {guest}, which is not ready; it goes on once that is"
        return ResourceStatus(address=address, state="failed", message=message)
    return ResourceStatus(address=address, state="becoming-ready", message=held.words)
