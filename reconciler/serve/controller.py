"""The resident controller: one thread that acts on what it is told, and what can be asked of it meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reconciler.installed import driver_type
from reconciler.reconcile import Options
from reconciler.report.exits import Exit
from reconciler.serve.audience import Audience
from reconciler.serve.commands import Commands
from reconciler.serve.controls import Tell
from reconciler.serve.course import Course
from reconciler.serve.following import Follower, Tip
from reconciler.serve.following.lookout import Lookout
from reconciler.serve.inbox import Inbox
from reconciler.serve.leadership import Leadership
from reconciler.serve.links import Links
from reconciler.serve.looking import Looking
from reconciler.serve.loop import Loop
from reconciler.serve.patience import Patience
from reconciler.serve.publishing import Publisher
from reconciler.serve.pulse import Pulse
from reconciler.serve.readying import Readying
from reconciler.serve.rounds import Rounds
from reconciler.serve.runner import Runner
from reconciler.serve.settings import Settings
from reconciler.serve.telling import overview
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.overview import Shown
from reconciler.serve.telling.status import Condition, Status
from reconciler.serve.unready import Unready

LINGER = 1.0
"""Seconds for which nothing must have come up before one that ends when it is idle does."""
BEAT = 30.0
"""Seconds after which one that has nothing to do shows that it lives."""
_TRIES = 3
"""Rounds in a row that may fail as a whole before such a one ends all the same."""


class Controller:
    """Implements `Controls`. `run` works, in the calling thread, until `stop`."""

    def __init__(self, follower: Follower, options: Options, settings: Settings) -> None:
        self.journal, self.pulse = Journal(), Pulse()
        self._settings = settings
        self._inbox, self._audience, self._conditions = Inbox(), Audience(), Conditions()
        self._links = Links(driver_type, self._inbox.notice)
        self._leadership = Leadership(lambda: self._links.connected, settings.lease, self.journal, self._led)
        self._lookout = Lookout(follower, settings.poll, self._seen)
        self._course = Course(follower, options, settings.fleet_id, self.journal, self._conditions)
        self._patience = Patience(self.journal)
        self._publisher = Publisher(settings.publish_key, self.journal)
        shown = Shown()
        self._looking = Looking(
            self._course, self._links, self._patience, self._publisher, self.journal, self._conditions, shown
        )
        readying = Readying(lambda: self._links.connected, self._inbox.ask)
        self._unready = Unready(self._course, readying, self._audience, self._inbox, self.journal, shown)
        self._runner = Runner(
            self._course,
            self._looking,
            Rounds(
                self._links,
                options,
                self.journal,
                self._conditions,
                self._leadership.check,
                self._course.check_standing,
                readying,
            ),
            self._unready,
            self._patience,
            self._audience,
            self._inbox,
            self.journal,
            self._conditions,
            lambda: self._lookout.tip.commit,
            self.pulse,
            self._publisher,
            shown,
        )
        self._loop = Loop(
            self._course,
            self._lookout,
            self._looking,
            self._runner,
            self._unready,
            self._leadership,
            self._inbox,
            self._audience,
            self._patience,
            self.journal,
            self._conditions,
            settings.resync,
        )
        self._commands = Commands(
            self._course, self._runner, self._patience, self._inbox, self.journal, self._conditions
        )
        self._ending = threading.Event()

    @property
    def until_idle(self) -> bool:
        """Whether it ends once there is nothing left to do."""
        return self._settings.until_idle

    def run(self) -> Exit:
        """Work until it is told to stop. One that ends when it is idle gives the exit code of its last whole round."""
        self.journal.tell("Started", f"following {self._settings.branch} of {self._course.place}")
        self._lookout.start()
        outlived = 0
        while not self._ending.is_set():
            try:
                if self._turned():
                    break
            except Exception as bug:
                self._outlive(bug)
                outlived += 1
                if self.until_idle and outlived >= _TRIES:
                    break
        return self._end()

    def _turned(self) -> bool:
        """Wait for what there is to do, and do it; whether that was the last."""
        self.pulse.beat()
        due = self._loop.due()
        told = self._inbox.take(min(due, time.monotonic() + (LINGER if self.until_idle else BEAT)))
        if self._ending.is_set():
            return True
        if told.nothing and time.monotonic() < due:
            return self.until_idle and self._idle
        self._loop.act(told)
        self._told_conditions()
        return False

    def _outlive(self, bug: Exception) -> None:
        """Go on after a mistake of ours outside of a round, with a pause, since it may come up at once again."""
        with suppress(Exception):  # that it cannot be told is no reason to end either
            self._loop.failed(bug)
        self._ending.wait(LINGER)

    def stop(self) -> None:
        """End: running steps finish, and no other starts. For any thread, but not for a signal's handler."""
        self.journal.tell("Stopping", "running steps finish, and no other starts")
        self._ending.set()
        self._runner.interrupt(ending=True)
        self._inbox.close()

    @property
    def _idle(self) -> bool:
        """Whether there is nothing left to do for now."""
        if not (self._lookout.up_to_date and self._inbox.empty and self._audience.empty):
            return False
        settled = self._course.commit == self._runner.settled and not self._unready.pending
        done = not self._course.commit or settled or not self._leadership.leads
        return self._course.tip == self._lookout.tip.commit and (done or self._loop.failures >= _TRIES)

    def _end(self) -> Exit:
        self._audience.close(_STOPPED if self._ending.is_set() else "")
        self._lookout.end()
        self._leadership.close()
        self._looking.close()
        self.journal.tell("Stopped", "the controller has ended")
        if not self._settings.until_idle:
            return Exit.OK
        bad = self._loop.failures or self._course.turned or not self._course.commit
        return Exit.ERROR if bad else self._runner.shown.code

    def status(self) -> Status:
        """What it knows about itself."""
        course, shown = self._course, self._runner.shown
        loaded, now = course.loaded, time.monotonic()
        return Status(
            fleet=loaded.desired.name if loaded else "",
            fleet_id=course.fleet_id,
            branch=self._settings.branch,
            tip=course.tip,
            in_force=course.commit,
            applied=shown.applied,
            working=shown.working,
            worker=self.until_idle,
            conditions=self._told_conditions(),
            hosts=overview.hosts_with_retries(shown.hosts, self._patience.hosts_away(now), now),
            resources=tuple(each for _, each in sorted(shown.resources.items())),
            suspensions=self._patience.suspensions,
            summary=shown.summary,
            last_run=shown.last_run,
            next_resync=overview.in_seconds(self._loop.next_resync - now),
        )

    def _told_conditions(self) -> tuple[Condition, ...]:
        """All of them; the first says whether what the branch says is in force, and was carried out."""
        others = (*(each for each in self._conditions.all if each.type != "Ready"), self._leadership.condition())
        commit = self._course.commit
        carried_out = bool(commit) and self._runner.settled == commit and not self._unready.round_due
        self._conditions.put(
            "Ready", *overview.ready(others, commit, carried_out, self._runner.shown.resources.values())
        )
        ready = self._conditions.get("Ready")
        assert ready is not None, "it was just put"
        return (ready, *others)

    def hint(self, why: str) -> None:
        """It may be worth looking at the repository now."""
        self.journal.tell("Hint", why, "debug")
        self._lookout.hint()

    def observation(self) -> bytes | None:
        """The last complete look at the hosts, as it is published."""
        return self._publisher.latest()

    @contextmanager
    def checking(self) -> Iterator[None]:
        """A push is checked as long as this lasts. Raises `Ending`."""
        with self._audience.expecting():
            yield
        self._inbox.ask()

    def follow(self, commit: str, by: str, tell: Tell, gone: threading.Event) -> int:
        """Tell what becomes of a pushed commit until it is over; gives the exit code that `apply` would have."""
        self.journal.tell("Pushed", f"{commit[:12]} by {by}", commit=commit)
        self._lookout.hint()
        return self._audience.follow(commit, by, tell, gone)

    def suspend(self, what: str, by: str, reason: str) -> str:
        """Leave something alone until it is resumed; says so if it was suspended already. Raises `Refusal`."""
        return self._commands.suspend(what, by, reason)

    def resume(self, what: str, by: str) -> None:
        """Take up what was suspended, or given up. Raises `Refusal`."""
        self._commands.resume(what, by)

    def accept(self, commit: str, by: str) -> None:
        """Deploy a commit although the branch was taken back. Raises `Refusal`."""
        self._commands.accept(commit, by)

    def _seen(self, tip: Tip, changed: bool) -> None:
        """The branch was looked at; told by the lookout's thread."""
        if tip.commit != self._course.tip:
            self._runner.overtake()
        if changed or not self._audience.empty:
            self._inbox.ask()

    def _led(self, leads: bool) -> None:
        """Whether we lead has changed; told by the leadership's thread."""
        if leads and self._loop.standing_by:
            self._inbox.whole("it leads")
        elif not leads:
            self._runner.interrupt()


_STOPPED = "The controller was told to end. What is left to do is done by the next one.\n"
