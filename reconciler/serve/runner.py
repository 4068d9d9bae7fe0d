"""Runs rounds for the commit that is in force, and remembers what came of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from reconciler.address import Address
from reconciler.driver import Notice
from reconciler.plan import Step
from reconciler.reconcile import Round
from reconciler.record import whoever
from reconciler.report.line import counted
from reconciler.serve.audience import Audience, Transcript
from reconciler.serve.course import Course
from reconciler.serve.following.reading import comes_after
from reconciler.serve.inbox import Inbox
from reconciler.serve.links import now
from reconciler.serve.looking import Looking
from reconciler.serve.patience import Patience
from reconciler.serve.publishing import Publisher
from reconciler.serve.pulse import BeatingStop, Pulse
from reconciler.serve.rounds import Done, Rounds
from reconciler.serve.telling import overview
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.overview import Shown
from reconciler.serve.telling.status import ResourceStatus
from reconciler.serve.telling.steps import stays_so
from reconciler.serve.unready import Unready

_MOST_IN_VAIN = 3
"""Runs in a row that newer commits may break off before their first step: a branch that moves faster than is planned
would else hold up everything for as long as it does.
"""


class Runner:
    """Only one thread may use it, but for `interrupt` and `shown`.

    `newest` gives the branch's commit as last seen: when that is another one than was judged, a run stops at the next
    step boundary. `settled` is the commit of which a whole round was carried out to its end.
    """

    def __init__(
        self,
        course: Course,
        looking: Looking,
        rounds: Rounds,
        unready: Unready,
        patience: Patience,
        audience: Audience,
        inbox: Inbox,
        journal: Journal,
        conditions: Conditions,
        newest: Callable[[], str],
        pulse: Pulse,
        publisher: Publisher,
        shown: Shown,
    ) -> None:
        self.shown = shown
        self.settled = ""
        self._course, self._looking, self._rounds, self._unready = course, looking, rounds, unready
        self._patience, self._audience, self._inbox = patience, audience, inbox
        self._journal, self._conditions, self._newest = journal, conditions, newest
        self._pulse, self._publisher = pulse, publisher
        self._stop: threading.Event = threading.Event()
        self._ending = self._fresh = False
        self._in_vain = 0

    def interrupt(self, *, ending: bool = False) -> None:
        """Let running steps finish, and start no other in this run; `ending`: nor in any further one."""
        self._ending = self._ending or ending
        self._stop.set()

    def overtake(self) -> None:
        """A newer commit is there: as `interrupt`, unless too many runs have come to nothing for that."""
        if self._in_vain < _MOST_IN_VAIN:
            self._stop.set()

    def take_up(self) -> None:
        """Make ready for the commit in force: its hosts, as the trusted configuration has them now, and its files.
        Raises `DiagnosticError`.
        """
        known = self._course.renew()
        assert self._course.loaded is not None, "it is renewed when there is one"
        self._looking.use(self._course.loaded, known)
        self._fresh = True
        self.shown.applied = self._course.applied()

    def run(self, targets: frozenset[Address] = frozenset(), heard: float | None = None) -> None:
        """One round, on what the hosts showed last; `targets` empty: about everything. `heard` is when a host told of
        what it is about, on the monotonic clock.
        """
        loaded, known = self._course.loaded, self._course.around
        assert loaded is not None, "a round is of a commit"
        assert known is not None, "a round is of a commit that is taken up"
        self._patience.of(loaded.desired)
        begun = time.monotonic()
        fresh, self._fresh = self._fresh, False
        round_ = self._rounds.plan(loaded, known, targets, judged=known.judged if fresh else None)
        self._journal.tell(
            "Planned",
            counted(len(round_.plan.steps), "step"),
            "debug",
            commit=self._course.commit,
            seconds=time.monotonic() - begun,
        )
        self._stop = BeatingStop(self._pulse)
        if self._ending:
            self._stop.set()
        elif self._overtaken:
            self.overtake()
        if not targets:
            self._whole(round_)
        elif round_.plan.steps or round_.plan.changes:
            done = self._carried_out(round_, Transcript(self._course.commit, _nobody), heard)
            self._unready.heed()
            self._remember(done, targets)
        else:
            self._show(overview.resources(round_.plan, (), {}, ()), targets)

    def _whole(self, round_: Round) -> None:
        commit = self._course.commit
        self._unready.begin_round()
        done = self._carried_out(round_, self._audience.begin(commit, self._older))
        self._unready.account()
        self._remember(done, frozenset())
        if self._stop.is_set() and any(outcome.status != "succeeded" for outcome in done.outcomes):
            self._in_vain = 0 if done.begun else self._in_vain + 1
            self._broken_off()
            return
        self._in_vain = 0
        self.settled, self.shown.code = commit, done.code
        self._patience.keep({step.key.address for step in done.plan.steps}, [each.name for each in self.shown.hosts])
        self._unready.end_round(done.code)
        self._publisher.publish(self._course.repository)

    def _broken_off(self) -> None:
        why = "It goes on in a moment."
        if self._ending:
            why = "The controller ends; the next one goes on."
        elif self._overtaken:
            why = f"A newer commit is there, {self._newest()[:12]}: what is left follows with that one."
        self._audience.overtaken(f"Interrupted at the boundary of a step. {why}\n")
        self._inbox.whole("a run was interrupted")

    def _carried_out(self, round_: Round, transcript: Transcript, heard: float | None = None) -> Done:
        self.shown.working = True
        try:
            return self._rounds.carry_out(round_, self._why_not, transcript, self._stop, self._by, heard)
        finally:
            self.shown.working = False

    def _why_not(self, step: Step) -> str:
        return self._patience.why_not(step, time.monotonic())

    def _by(self) -> str:
        return self._audience.pusher(self._course.commit) or whoever()

    def _older(self, commit: str) -> bool:
        return comes_after(self._course.repository, commit, self._course.commit)

    @property
    def _overtaken(self) -> bool:
        return self._newest() != self._course.tip

    def _remember(self, done: Done, targets: frozenset[Address]) -> None:
        settled = self.settled == self._course.commit
        self._patience.learn(done.run, done.outcomes, settled, time.monotonic())
        found = overview.resources(done.plan, done.outcomes, done.reasons, self._patience.contended)
        failed = {address for address, each in found.items() if each.state in ("failed", "contended")}
        found |= {address: each for address, each in done.waits.items() if address not in failed}
        self._show(found, targets)
        self._show_contended()
        if not targets:
            self.shown.summary = overview.left(done.plan, done.run, done.outcomes)
        self.shown.last_run = now()
        self.shown.applied = self._course.applied()
        for key in done.begun:  # what it did is looked at once: of hosts that tell nothing, too
            self._inbox.notice(Notice(host=key.host, address=key.address, cause="a run has ended"))

    def _show(self, found: dict[Address, ResourceStatus], targets: frozenset[Address]) -> None:
        """What is said about resources from now on; `targets` empty: a round found out about all of them."""
        before, clock = self.shown.resources, time.monotonic()
        kept = {address: each for address, each in before.items() if targets and address not in targets}
        worse = {address for address, each in found.items() if each.state in ("failed", "contended")}
        found |= {address: each for address, each in self._unready.shown.items() if address not in worse}
        self.shown.resources = overview.with_retries(kept | found, self._patience.backoff.waiting(clock), clock)
        seen = all(each.seen == "complete" for each in self.shown.hosts)
        stays_so(self._journal, before, self.shown.resources, seen=seen)

    def _show_contended(self) -> None:
        if names := ", ".join(map(str, self._patience.contended)):
            self._conditions.put("Contended", "True", "PutBackTooOften", names)
        else:
            self._conditions.put("Contended", "False", "Nobody")


def _nobody(text: str) -> None:
    """Nobody follows what nobody pushed."""
