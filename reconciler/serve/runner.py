"""Looks at hosts and runs rounds for the commit that is in force, and remembers what came of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

from reconciler.address import Address
from reconciler.driver import Notice
from reconciler.observation import Failed
from reconciler.plan import Step
from reconciler.reconcile import Round, files_of
from reconciler.record import run_of, whoever
from reconciler.report.exits import Exit
from reconciler.report.line import counted, escape
from reconciler.report.outcome import step_words
from reconciler.serve.audience import Audience, Transcript
from reconciler.serve.course import Course
from reconciler.serve.files import LatestFiles
from reconciler.serve.following.reading import comes_after
from reconciler.serve.inbox import Inbox
from reconciler.serve.links import Links, Look, now
from reconciler.serve.patience import Patience
from reconciler.serve.publishing import Publisher
from reconciler.serve.pulse import BeatingStop, Pulse
from reconciler.serve.readying import Readying
from reconciler.serve.rounds import Done, Rounds
from reconciler.serve.telling import overview
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import HostStatus, ResourceStatus
from reconciler.serve.telling.steps import stays_so

_MOST_IN_VAIN = 3
"""Runs in a row that newer commits may break off before their first step: a branch that moves faster than is planned
would else hold up everything for as long as it does.
"""


class Shown:
    """What the last rounds left, for the status; whole values are replaced, so that any thread may read it."""

    def __init__(self) -> None:
        self.hosts: tuple[HostStatus, ...] = ()
        self.resources: dict[Address, ResourceStatus] = {}
        self.summary: dict[str, int] = {}
        self.last_run = self.applied = ""
        self.working = False
        self.code = Exit.OK


class Runner:
    """Only one thread may use it, but for `interrupt` and `shown`.

    `newest` gives the branch's commit as last seen: when that is another one than was judged, a run stops at the next
    step boundary. `settled` is the commit of which a whole round was carried out to its end.
    """

    def __init__(
        self,
        course: Course,
        links: Links,
        rounds: Rounds,
        patience: Patience,
        audience: Audience,
        inbox: Inbox,
        journal: Journal,
        conditions: Conditions,
        newest: Callable[[], str],
        pulse: Pulse,
        publisher: Publisher,
        readying: Readying,
    ) -> None:
        self.shown = Shown()
        self.settled = ""
        self._course, self._links, self._rounds = course, links, rounds
        self._patience, self._audience, self._inbox = patience, audience, inbox
        self._journal, self._conditions, self._newest = journal, conditions, newest
        self._pulse, self._publisher, self._readying = pulse, publisher, readying
        self._files = LatestFiles()
        self._stop: threading.Event = threading.Event()
        self._ending = self._fresh = False
        self._in_vain = 0
        self._waited_for = False
        self._accounted: dict[Address, bool] = {}
        self._errors: dict[str, str] = {}

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
        self._files.use(files_of(self._course.loaded, known))
        self._links.use(known.hosts)
        self._fresh = True
        self.shown.applied = self._course.applied()

    def connect(self) -> None:
        """Connect to all hosts, and look at nothing."""
        self._links.look([link.config.name for link in self._links.all], self._files, observing=False)

    def look(self, hosts: Collection[str]) -> dict[str, Look]:
        """Look at these hosts."""
        begun = time.monotonic()
        looks = self._links.look(hosts, self._files)
        self._journal.tell(
            "Observed", f"looked at {', '.join(sorted(looks))}", "debug", seconds=time.monotonic() - begun
        )
        for link in self._links.all:
            if link.config.name in looks:
                self._tell_host(link.config.name, looks[link.config.name], link.snapshot.status)
        self.show_hosts()
        if self._course.loaded and self._course.around:
            self._publisher.keep(
                self._course.loaded,
                self._links.snapshots,
                self._links.hosts,
                self._course.around.undeclared,
                self.shown.applied,
            )
        return looks

    def _tell_host(self, name: str, look: Look, status: object) -> None:
        error = status.error if isinstance(status, Failed) else ""
        key = f"Host/{name}"
        if look.failed:
            self._patience.backoff.failed(key, time.monotonic())
        else:
            self._patience.backoff.worked(key)
        if error and error != self._errors.get(name):
            self._journal.tell("HostFailed", f"{name}: {error}", "error", host=name)
        elif not error and look.recovered:
            self._journal.tell("HostSeen", f"{name} is seen", host=name)
        self._errors[name] = error

    def show_hosts(self) -> None:
        """Publish how the hosts are."""
        self.shown.hosts = tuple(overview.host_status(link) for link in self._links.all)
        bad = [each.name for each in self.shown.hosts if each.seen != "complete"]
        if bad:
            self._conditions.put("HostsReady", "False", "NotSeen", f"not completely seen: {', '.join(bad)}")
        else:
            self._conditions.put("HostsReady", "True", "Seen")

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
            self._remember(self._carried_out(round_, Transcript(self._course.commit, _nobody), heard), targets)
        else:
            self._show(overview.resources(round_.plan, (), {}, ()), targets)

    def _whole(self, round_: Round) -> None:
        commit = self._course.commit
        if self._waited_for:
            self._audience.overtaken("")  # they go on to hear of this round
            self._waited_for = False
        done = self._carried_out(round_, self._audience.begin(commit, self._older))
        self._remember(done, frozenset())
        self._accounted = self._readying.becoming.states
        if self._stop.is_set() and any(outcome.status == "not-run" for outcome in done.outcomes):
            self._in_vain = 0 if done.begun else self._in_vain + 1
            self._broken_off()
            return
        self._in_vain = 0
        self.settled, self.shown.code = commit, done.code
        self._patience.keep({step.key.address for step in done.plan.steps}, [each.name for each in self.shown.hosts])
        if self._readying.becoming.pending and done.code in (Exit.OK, Exit.REFUSED):
            self._waited_for = True
        else:
            self._audience.end(done.code)
        self._publisher.publish(self._course.repository)

    @property
    def next_look(self) -> float | None:
        """When a guest that is becoming ready is looked at next, on the monotonic clock; None when none is."""
        return self._readying.next()

    @property
    def becoming_ready(self) -> bool:
        """Whether guests are still waited for."""
        return bool(self._readying.becoming.pending)

    def look_who_is_ready(self) -> None:
        """Hear of guests that are becoming ready, and tell. Once none is waited for any more, everything is planned
        again: the commit counts as applied then, or those who follow it hear what is not ready.
        """
        becoming, before = self._readying.becoming, self._accounted
        for text in self._readying.look():
            self._journal.tell("BecomingReady", text, "debug", commit=self._course.commit)
            self._audience.add(f"{escape(text)}\n")
        if before == becoming.states:
            return
        self._tell_late(before)
        others = {address: each for address, each in self.shown.resources.items() if address not in before}
        self.shown.resources = others | becoming.shown
        self._accounted = becoming.states
        if not becoming.pending:
            self._inbox.whole("no guest is becoming ready any more")

    def _tell_late(self, before: Mapping[Address, bool]) -> None:
        for step, outcome in self._readying.becoming.late:
            address = step.key.address
            if not before.get(address) and not self._readying.becoming.guests[address].told:
                text = f"{step_words(step)} is not ready: {outcome.error}"
                self._journal.tell("NotReady", text, "error", address=str(address), host=step.key.host, verb=step.verb)

    def forget_who_is_ready(self) -> None:
        """Another controller works, and looks at guests."""
        self._readying.forget()
        self._accounted = {}
        if self._waited_for:
            self._audience.overtaken("")
            self._waited_for = False

    def anew(self) -> None:
        """Another commit is in force: what is not ready has all its time again."""
        assert self._course.loaded is not None, "a commit is in force"
        self._readying.anew(self._course.loaded.desired)

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
        self._show(found, targets)
        self._show_contended()
        if not targets:
            self.shown.summary = run_of(done.plan, (), time="", by="").summary
        self.shown.last_run = now()
        self.shown.applied = self._course.applied()
        for key in done.begun:  # what it did is looked at once: of hosts that tell nothing, too
            self._inbox.notice(Notice(host=key.host, address=key.address, cause="a run has ended"))

    def _show(self, found: dict[Address, ResourceStatus], targets: frozenset[Address]) -> None:
        """What is said about resources from now on; `targets` empty: a round found out about all of them."""
        before, clock = self.shown.resources, time.monotonic()
        kept = {address: each for address, each in before.items() if targets and address not in targets}
        worse = {address for address, each in found.items() if each.state in ("failed", "contended")}
        found |= {address: each for address, each in self._readying.becoming.shown.items() if address not in worse}
        self.shown.resources = overview.with_retries(kept | found, self._patience.backoff.waiting(clock), clock)
        seen = all(each.seen == "complete" for each in self.shown.hosts)
        stays_so(self._journal, before, self.shown.resources, seen=seen)

    def _show_contended(self) -> None:
        if names := ", ".join(map(str, self._patience.contended)):
            self._conditions.put("Contended", "True", "PutBackTooOften", names)
        else:
            self._conditions.put("Contended", "False", "Nobody")

    def close(self) -> None:
        """Let go of everything."""
        self._files.use(None)
        self._links.close()


def _nobody(text: str) -> None:
    """Nobody follows what nobody pushed."""
