"""What a run tells the journal: each step that failed, what was done, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from reconciler.address import Address
from reconciler.listener import Listener
from reconciler.plan import Outcome, Plan, Step
from reconciler.report.outcome import PAST, step_words, summary_words
from reconciler.serve.telling.changed import words_of
from reconciler.serve.telling.journal import Journal, Severity
from reconciler.serve.telling.status import ResourceStatus

MOST_TOLD = 20
"""Resources that are told of one by one; more are counted."""


class Both:
    """Two listeners as one."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def started(self, step: Step) -> None:
        """A step begins."""
        for each in self._listeners:
            each.started(step)

    def called(self, step: Step, name: str, target: str) -> None:
        """A modifying call is about to be made."""
        for each in self._listeners:
            each.called(step, name, target)

    def noted(self, step: Step, text: str) -> None:
        """Something for people."""
        for each in self._listeners:
            each.noted(step, text)

    def finished(self, step: Step, outcome: Outcome) -> None:
        """What became of a step."""
        for each in self._listeners:
            each.finished(step, outcome)


class Steps:
    """Tells the journal of the steps of a plan. `heard` is when a host told of what they are about, if one did: how
    long it took from then to the first of them is told as well.
    """

    def __init__(self, journal: Journal, plan: Plan, heard: float | None = None) -> None:
        self._journal, self._commit, self._heard = journal, plan.source.commit, heard
        self._changes = {change.key: change for change in plan.changes}
        self._begun: dict[str, float] = {}

    def started(self, step: Step) -> None:
        """Remember since when."""
        now = self._begun[step.id] = time.monotonic()
        if self._heard is not None:
            self._tell("Reacted", f"{step_words(step)}: the first step against it", step, "debug", now - self._heard)
            self._heard = None

    def called(self, step: Step, name: str, target: str) -> None:
        """Too much to keep."""

    def noted(self, step: Step, text: str) -> None:
        """Told for whoever looks closely."""
        self._tell("StepNote", f"{step_words(step)}: {text}", step, "debug")

    def finished(self, step: Step, outcome: Outcome) -> None:
        """What became of it, and how long it took."""
        begun = self._begun.pop(step.id, None)
        seconds = None if begun is None else time.monotonic() - begun
        if outcome.status == "succeeded":
            changed = words_of(step, self._changes.get(step.key))
            self._tell("StepSucceeded", f"{PAST[step.verb]} {step_words(step)}{changed}", step, "info", seconds)
        elif outcome.unready:
            self._tell("NotReady", f"{step_words(step)} is not ready: {outcome.error}", step, "error", seconds)
        elif outcome.status == "failed":
            words = f"could not {step.verb} {step_words(step)}: {outcome.error}"
            self._tell("StepFailed", words, step, "warning" if outcome.race else "error", seconds)
        else:
            self._tell("StepLeft", f"{step_words(step)}: {outcome.status}", step, "debug")

    def _tell(self, reason: str, text: str, step: Step, severity: Severity, seconds: float | None = None) -> None:
        self._journal.tell(
            reason,
            text,
            severity,
            address=str(step.key.address),
            host=step.key.host,
            commit=self._commit,
            verb=step.verb,
            seconds=seconds,
        )


def finished(journal: Journal, plan: Plan, outcomes: Sequence[Outcome], seconds: float) -> None:
    """A run is over."""
    bad = any(outcome.status == "failed" for outcome in outcomes)
    nothing = "Nothing is planned where a host was not completely seen." if plan.partial else "Nothing to do."
    words = summary_words(plan, outcomes) if outcomes else nothing
    commit = plan.source.commit
    severity: Severity = "warning" if bad else "info" if outcomes else "debug"
    journal.tell("RunFinished", f"{commit[:12]}: {words}", severity, commit=commit, seconds=seconds)


def stays_so(
    journal: Journal, before: Mapping[Address, ResourceStatus], after: Mapping[Address, ResourceStatus], *, seen: bool
) -> None:
    """Tell of resources that stay from now on as nobody declared them, although nothing failed. `seen`: all hosts were
    completely seen; else what is held is so for that, which is told already.
    """
    quiet = ("waiting", "refused", "left-down", *(("held",) if seen else ()))
    new = [each for address, each in sorted(after.items()) if each.state in quiet and before.get(address) != each]
    for each in new[:MOST_TOLD]:
        journal.tell("LeftAlone", f"{each.address}: {each.message}", address=each.address)
    if (more := len(new) - MOST_TOLD) > 0:
        journal.tell("LeftAlone", f"and {more} more; `reconciler status` has all")
