"""One round of a controller: plan on what hosts showed, leave out what may not be done now, carry out, write down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.authority import Judgement
from reconciler.hosts import Reached
from reconciler.plan import Outcome, Plan
from reconciler.reconcile import Around, Loaded, Options, Round, apply_round, decide
from reconciler.report import verdict
from reconciler.report.consenting import consenting_lines
from reconciler.report.exits import Exit
from reconciler.report.line import Line, Span, line
from reconciler.report.outcome import outcomes_lines
from reconciler.report.plan_text import plan_lines
from reconciler.report.progress import Progress
from reconciler.report.recording import write_down
from reconciler.report.screen import Screen, Stream
from reconciler.serve.audience import Transcript
from reconciler.serve.links import Links
from reconciler.serve.patience.withholding import Why, narrowed, unhurried, withhold
from reconciler.serve.readying import Readying
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.steps import Both, Steps, finished


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A round that is over. `plan` is as it was decided, `run` as it was carried out; `reasons` say per address why
    steps were left out.
    """

    plan: Plan
    run: Plan
    outcomes: list[Outcome]
    reasons: Mapping[Address, str]
    code: Exit

    @property
    def begun(self) -> list[ObjectKey]:
        """To what something was done, or begun to be."""
        steps = {step.id: step for step in self.run.steps}
        return [steps[each.step].key for each in self.outcomes if each.status in ("succeeded", "failed")]


class Rounds:
    """Runs rounds on hosts that are kept open. `leading` is asked, with the host, in front of each step."""

    def __init__(
        self, links: Links, options: Options, journal: Journal, leading: Callable[[str], None], readying: Readying
    ) -> None:
        self._links, self._options, self._journal, self._leading = links, options, journal, leading
        self._readying = readying

    def plan(self, loaded: Loaded, known: Around, targets: frozenset[Address], judged: Judgement | None) -> Round:
        """Plan on what hosts showed last; `targets` empty: all. What the commit may do is as it was `judged`, or is
        judged now. Raises `DiagnosticError`.
        """
        reached = Reached(
            hosts=self._links.hosts,
            snapshots=self._links.snapshots,
            drivers=self._links.drivers,
            diagnostics=known.diagnostics,
            undeclared=known.undeclared,
        )
        round_ = decide(loaded, reached, self._options, judged)
        return msgspec.structs.replace(round_, plan=narrowed(round_.plan, targets)) if targets else round_

    def carry_out(
        self,
        round_: Round,
        why_not: Why,
        transcript: Transcript,
        stop: threading.Event,
        by: Callable[[], str],
        heard: float | None = None,
    ) -> Done:
        """Show the plan, apply what may be done of it, tell, and write down. `heard` is when a host told of what the
        round is about. Raises `DriverError` (held) before anything is done when another writer has a host.
        """
        screen = _screen(transcript)
        left = withhold(round_.plan, why_not)
        screen.show(plan_lines(round_.plan))
        screen.show(_left_lines(left.reasons))
        outcomes = self._applied(round_, unhurried(left.plan), screen, stop, heard)
        self._readying.learn(left.plan, outcomes, stopped=stop.is_set())
        run, all_ = self._with_late(left.plan, outcomes) if round_.plan.extent == "whole" else (left.plan, outcomes)
        if run.steps:
            screen.show(outcomes_lines(run, all_))
        screen.show(consenting_lines(round_.plan.changes))
        untold = self._readying.becoming.untold() if len(all_) > len(outcomes) else set()
        new = [*outcomes, *(each for each in all_ if each.step in untold)]  # that one is not ready is written down once
        if new or run.extent == "whole":
            write_down(msgspec.structs.replace(round_, plan=run), new, by(), screen)
        code = verdict.of_outcomes(run, all_, detailed=False, interrupted=stop.is_set())
        code = Exit.REFUSED if left.reasons and code is Exit.OK else code
        return Done(plan=round_.plan, run=left.plan, outcomes=outcomes, reasons=left.reasons, code=code)

    def _with_late(self, plan: Plan, outcomes: list[Outcome]) -> tuple[Plan, list[Outcome]]:
        """With the guests of earlier runs that did not become ready in time. While a guest is not ready, its commit
        does not count as applied.
        """
        becoming = self._readying.becoming
        if not becoming.guests:
            return plan, outcomes
        steps = {step.id: step.key for step in plan.steps}
        known = {steps[each.step] for each in outcomes if each.unready}
        late = [(step, outcome) for step, outcome in becoming.late if step.key not in known]
        run = msgspec.structs.replace(plan, steps=(*plan.steps, *(step for step, _ in late)), extent="targeted")
        return run, [*outcomes, *(outcome for _, outcome in late)]

    def _applied(
        self, round_: Round, plan: Plan, screen: Screen, stop: threading.Event, heard: float | None
    ) -> list[Outcome]:
        begun = time.monotonic()
        with Progress(plan, screen) as progress:
            listener = Both(progress, Steps(self._journal, plan.source.commit, heard))
            outcomes = apply_round(round_, plan, listener, stop, leading=self._leading) if plan.steps else []
        finished(self._journal, plan, outcomes, time.monotonic() - begun)
        return outcomes


def _screen(transcript: Transcript) -> Screen:
    stream = Stream(transcript, {"NO_COLOR": "1"})  # type: ignore[arg-type]
    return Screen(stream, stream)


def _left_lines(reasons: Mapping[Address, str]) -> list[Line]:
    return [line(Span("left alone", "yellow"), f" {address}: {reason}") for address, reason in sorted(reasons.items())]
