"""One round of a controller: plan on what hosts showed, leave out what may not be done now, carry out, write down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from reconciler import trust
from reconciler.address import Address, ObjectKey
from reconciler.authority import Judgement
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.hosts import Reached
from reconciler.observation import Snapshot
from reconciler.plan import Outcome, Plan
from reconciler.reconcile import Around, Loaded, Options, Round, apply_round, decide, judge
from reconciler.report import verdict
from reconciler.report.consenting import consenting_lines
from reconciler.report.diagnostics import diagnostic_lines
from reconciler.report.exits import Exit
from reconciler.report.line import Line, Span, line
from reconciler.report.outcome import outcomes_lines, step_words
from reconciler.report.progress import Progress
from reconciler.report.recording import written
from reconciler.report.screen import Screen, Stream
from reconciler.serve.audience import Transcript
from reconciler.serve.links import Links
from reconciler.serve.patience.about import plan_about
from reconciler.serve.patience.postponing import Held, postpone, skipped, stands, unhurried
from reconciler.serve.patience.withholding import Why, withhold
from reconciler.serve.readying import Readying
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import ResourceStatus
from reconciler.serve.telling.steps import Both, Steps, finished
from reconciler.serve.telling.tally import Tally, goes_on
from reconciler.vicinity import Surroundings


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A round that is over. `plan` is as it was decided, `run` as it was carried out; `reasons` say per address why
    steps were left out; `waits` is what the status says of those that are left until a guest is ready.
    """

    plan: Plan
    run: Plan
    outcomes: list[Outcome]
    reasons: Mapping[Address, str]
    waits: Mapping[Address, ResourceStatus] = {}
    code: Exit

    @property
    def begun(self) -> list[ObjectKey]:
        """To what something was done, or begun to be."""
        steps = {step.id: step for step in self.run.steps}
        return [steps[each.step].key for each in self.outcomes if each.status in ("succeeded", "failed")]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a run: its steps and outcomes, with those of guests that did not become ready in time, and of
    what depends on these. `problem` says why that could not be written down; `told` whether there was anything to
    write.
    """

    run: Plan
    outcomes: list[Outcome]
    problem: Diagnostic | None
    told: bool


class Rounds:
    """Runs rounds on hosts that are kept open. `leading` is asked, with the host, in front of each step; `standing`
    once the hosts of a run are locked: it raises `DriverError` (held) when another commit is to be in force.
    """

    def __init__(
        self,
        links: Links,
        options: Options,
        journal: Journal,
        conditions: Conditions,
        leading: Callable[[str], None],
        standing: Callable[[], None],
        readying: Readying,
    ) -> None:
        self._links, self._options, self._journal, self._conditions = links, options, journal, conditions
        self._leading, self._standing, self._readying = leading, standing, readying
        self._surroundings, self._tally = Surroundings(), Tally()

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
        if not targets:
            return decide(loaded, reached, self._options, judged)
        judged = judged or judge(loaded, trust.load(self._options.config))

        def planner(desired: Desired, snapshots: list[Snapshot]) -> Plan:
            part = msgspec.structs.replace(loaded, desired=desired)
            shown = msgspec.structs.replace(reached, snapshots=snapshots)
            return decide(part, shown, self._options, judged).plan

        plan = plan_about(targets, loaded.desired, reached.snapshots, planner, self._surroundings)
        return Round(loaded=loaded, snapshots=reached.snapshots, plan=plan, drivers=reached.drivers)

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
        screen = Screen(stream := Stream(transcript, {"NO_COLOR": "1"}), stream)
        left = withhold(round_.plan, why_not)
        screen.show(transcript.planned(round_.plan))
        screen.show(transcript.fresh(_left_lines(left.reasons)))
        whole = round_.plan.extent == "whole"
        later = postpone(left.plan, self._readying.unready(left.plan, whole=whole))
        screen.show(transcript.fresh(self._held_lines(later.held)))
        run = msgspec.structs.replace(round_, plan=later.plan)
        accounts: list[Account] = []

        def close(outcomes: list[Outcome]) -> None:
            accounts.append(self._written(run, outcomes, later.held, whole, by))

        outcomes = self._applied(run, screen, stop, heard, close)
        (account,) = accounts
        code = verdict.of_outcomes(account.run, account.outcomes, detailed=False, interrupted=stop.is_set())
        code = Exit.REFUSED if left.reasons and code is Exit.OK else code
        if whole:
            self._tell_results(account, screen, more=goes_on(code, later.held or self._readying.becoming.pending))
            self._surroundings.take_up(round_.loaded.desired, round_.snapshots)
        screen.show(transcript.fresh(consenting_lines(round_.plan.changes)))
        if account.problem:
            screen.warn(diagnostic_lines(account.problem))
        self._tell_recorded(account)
        waits = stands(later.held, account.outcomes, self._readying.becoming.states)
        return Done(plan=round_.plan, run=run.plan, outcomes=outcomes, reasons=left.reasons, waits=waits, code=code)

    def _applied(
        self,
        round_: Round,
        screen: Screen,
        stop: threading.Event,
        heard: float | None,
        close: Callable[[list[Outcome]], None],
    ) -> list[Outcome]:
        """Carry out, and close while the hosts are locked, so that what is written down is in the order of the runs."""
        begun, plan = time.monotonic(), unhurried(round_.plan)
        with Progress(plan, screen) as progress:
            listener = Both(progress, Steps(self._journal, plan, heard))
            outcomes = apply_round(
                round_, plan, listener, stop, leading=self._leading, opening=self._standing, closing=close
            )
        finished(self._journal, plan, outcomes, time.monotonic() - begun)
        return outcomes

    def _written(
        self, round_: Round, outcomes: list[Outcome], held: Sequence[Held], whole: bool, by: Callable[[], str]
    ) -> Account:
        """Write the run down. One that was about the `whole` fleet tells of all guests that are not ready, and of what
        is `held` for them; of each that is written down once.
        """
        self._readying.learn(round_, outcomes, {each.guest.address for each in held}, whole=whole)
        late = self._readying.becoming.late if whole else []
        untold = self._readying.becoming.untold() if late else set()
        ends = [*outcomes, *(outcome for _, outcome in late)]
        left = skipped(held, ends)
        steps = (*round_.plan.steps, *(step for step, _ in late), *(each.step for each in held))
        run = msgspec.structs.replace(round_.plan, steps=steps)
        first = {each.step for each in outcomes} | untold
        new = [*(each for each in ends if each.step in first), *(each for each in left if each.blocked_by in first)]
        problem = None
        told = bool(new) or run.extent == "whole"
        if told:
            problem = written(msgspec.structs.replace(round_, plan=run), new, by(), self._others(run, new))
        return Account(run=run, outcomes=[*ends, *left], problem=problem, told=told)

    def _tell_recorded(self, account: Account) -> None:
        """Tell whoever looks later whether Git knows of the run."""
        if account.problem:
            commit = account.run.source.commit
            detail = account.problem.detail
            self._conditions.put("Recorded", "False", "NotRecorded", detail.partition("\n")[0])
            text = f"{commit[:12]}: {account.problem.summary}: {' '.join(detail.split())}"
            self._journal.tell("NotRecorded", text, "error", commit=commit)
        elif account.told:
            self._conditions.put("Recorded", "True", "Recorded")

    def _others(self, run: Plan, told: list[Outcome]) -> int:
        """How many guests are not ready of which nothing is told."""
        about = {each.step for each in told if each.unready}
        return len(self._readying.becoming.guests.keys() - {each.key.address for each in run.steps if each.id in about})

    def _held_lines(self, held: Sequence[Held]) -> list[Line]:
        """Those that wait, which the journal is told as well: what depends on a guest whose time is up is told of once
        the run is over.
        """
        late = self._readying.becoming.states
        waiting = [each for each in held if not late.get(each.guest.address)]
        for each in waiting:
            address = str(each.step.key.address)
            self._journal.tell("StepLeft", f"{step_words(each.step)}: {each.words}", "debug", address=address)
        return [
            line(Span("waits", "yellow"), f" {each.step.key.address}: until {each.guest.address} is ready")
            for each in waiting
        ]

    def _tell_results(self, account: Account, screen: Screen, *, more: bool) -> None:
        """What a run came to. `more`: another round goes on with its commit; what was done is summed up then."""
        if more:
            self._tally.put_off(account.run, account.outcomes)
            return
        run, outcomes = self._tally.summed(account.run, account.outcomes)
        screen.show(outcomes_lines(run, outcomes) if outcomes else [])


def _left_lines(reasons: Mapping[Address, str]) -> list[Line]:
    return [line(Span("left alone", "yellow"), f" {address}: {reason}") for address, reason in sorted(reasons.items())]
