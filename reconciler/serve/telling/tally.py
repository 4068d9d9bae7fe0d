"""What several rounds of one commit come to, so that whoever follows it gets one summary."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from reconciler.address import ObjectKey
from reconciler.plan import Outcome, Plan, Step
from reconciler.report.exits import Exit


def goes_on(code: Exit, missing: object) -> bool:
    """Whether whoever follows a round that ended so hears another one, when there are guests `missing`, or what waits
    for them.
    """
    return bool(missing) and code in (Exit.OK, Exit.REFUSED)


class Tally:
    """Only one thread may use it."""

    def __init__(self) -> None:
        self._commit = ""
        self._done: dict[tuple[ObjectKey, str], tuple[Step, Outcome]] = {}

    def put_off(self, run: Plan, outcomes: Sequence[Outcome]) -> None:
        """A round is over, and another one follows that goes on with the commit."""
        self._done = self._all(run, outcomes)
        self._commit = run.source.commit

    def summed(self, run: Plan, outcomes: Sequence[Outcome]) -> tuple[Plan, list[Outcome]]:
        """The round with those of its commit that were put off before; these are forgotten."""
        pairs = list(self._all(run, outcomes).values())
        self._done = {}
        steps, all_ = tuple(step for step, _ in pairs), [outcome for _, outcome in pairs]
        return msgspec.structs.replace(run, steps=steps), all_

    def _all(self, run: Plan, outcomes: Sequence[Outcome]) -> dict[tuple[ObjectKey, str], tuple[Step, Outcome]]:
        """Of what was done twice to an object, the last."""
        steps = {step.id: step for step in run.steps}
        new = [(steps[outcome.step], outcome) for outcome in outcomes]
        before = self._done if self._commit == run.source.commit else {}
        return before | {(step.key, step.verb): (step, outcome) for step, outcome in new}
