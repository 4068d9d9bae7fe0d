"""Which guests a commit has started, so that it does not count as applied before they are ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.impact import Impact
from reconciler.kinds.instance import readiness_of
from reconciler.objects import Observed, Readiness
from reconciler.observation import Snapshot
from reconciler.plan import FieldChange, Outcome, Plan, Step

AT_ONCE = ("", "none", "running")
"""Checks that nothing is looked at for: that a guest runs was read back."""
_POWER = "powerState"


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A guest that was started, by a step that says when it is ready. `commit` is the one for which it was last
    written; `again`: it had died, and no commit says that it is to be started.
    """

    step: Step
    commit: str
    again: bool = False


def to_be_ready(desired: Desired) -> dict[Address, Readiness]:
    """The guests that are ready by more than that they run."""
    found = {key: readiness_of(each.spec) for key, each in desired.resources.items() if key.kind == "Instance"}
    return {key: each for key, each in found.items() if each.check not in AT_ONCE}


def by_run(plan: Plan, outcomes: Sequence[Outcome], snapshots: Iterable[Snapshot]) -> Iterator[Started]:
    """The guests that a run has started. One that had died is still that of the commit for which it was written
    before.
    """
    steps = {step.id: step for step in plan.steps}
    died = {change.key for change in plan.changes if _died(change.fields)}
    before = {each.key: each.commit for each in _guests(snapshots)}
    for outcome in outcomes:
        step = steps[outcome.step]
        if step.ready is None or step.ready.check in AT_ONCE:
            continue
        if outcome.status == "succeeded":
            again = step.key in died and step.verb == "update" and step.impact.rank < Impact.RESTART.rank
            commit = before.get(step.key, "") if again else plan.source.commit
            yield Started(step=step, commit=commit, again=again)


def _died(fields: Iterable[FieldChange]) -> bool:
    return any(field.path == _POWER and field.origin == "drift" for field in fields)


def standing(wanted: Mapping[Address, Readiness], snapshots: Iterable[Snapshot]) -> Iterator[Started]:
    """The guests that run, of those that are to be ready, as a controller finds them that has not started them."""
    for each in _guests(snapshots):
        if each.running is not None and each.key.address in wanted:
            step = Step(id=f"stands {each.key}", key=each.key, verb="update", ready=wanted[each.key.address])
            yield Started(step=step, commit=each.commit)


def _guests(snapshots: Iterable[Snapshot]) -> Iterator[Observed]:
    for snapshot in snapshots:
        yield from (each for each in snapshot.objects if each.key.address.kind == "Instance" and not each.key.part)
