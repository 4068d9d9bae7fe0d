"""What the controller's one thread does: it judges the branch, looks at hosts, and runs rounds, each when it is due."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Collection
from pathlib import Path

from reconciler.diagnostic import DiagnosticError
from reconciler.driver import DriverError
from reconciler.record import RecordError
from reconciler.report.exits import Exit
from reconciler.serve import kept
from reconciler.serve.audience import Audience
from reconciler.serve.audience.answers import answer
from reconciler.serve.course import Course
from reconciler.serve.following.lookout import Lookout
from reconciler.serve.inbox import Inbox, Told
from reconciler.serve.leadership import Leadership
from reconciler.serve.looking import Looking
from reconciler.serve.patience import HOST, ROUND, Patience, suspension
from reconciler.serve.runner import Runner
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal, Severity
from reconciler.serve.unready import Unready
from reconciler.source import SourceError
from reconciler.suggest import listed

_SPREAD = 0.1
"""Part of the time between looks at everything by which that varies, so that many controllers do it at many times."""
FIRST_LOOK = 5.0
"""Seconds for which the first look at the branch is waited for, before what was in force last is taken up again."""
LOCKED = 10.0
"""Seconds after which a host's lock is asked for again: a person's run ends before long."""
_FAILED = "something failed"
_MOST_HEARD = 3
"""Rounds in a row that fail as a whole and that a follower hears of; then it is let go, and the work goes on."""


class Loop:
    """Acts on what was told. Only one thread may use it."""

    def __init__(
        self,
        course: Course,
        lookout: Lookout,
        looking: Looking,
        runner: Runner,
        unready: Unready,
        leadership: Leadership,
        inbox: Inbox,
        audience: Audience,
        patience: Patience,
        journal: Journal,
        conditions: Conditions,
        resync: float,
    ) -> None:
        self.next_resync = time.monotonic() + FIRST_LOOK
        self.standing_by = False
        self.failures = 0
        self._course, self._lookout, self._looking = course, lookout, looking
        self._runner, self._unready = runner, unready
        self._leadership, self._inbox, self._audience, self._patience = leadership, inbox, audience, patience
        self._journal, self._conditions, self._resync = journal, conditions, resync
        self._led = False

    def due(self) -> float:
        """When there is something to do if nothing is told before, on the monotonic clock."""
        retry = self._patience.backoff.next()
        times = (self.next_resync, retry, self._unready.next_look)
        return min(each for each in times if each is not None)

    def act(self, told: Told) -> None:
        """Act on what was told, and on what is due. What goes wrong is told, and tried again later."""
        try:
            self._act(told)
        except DriverError as held:  # another writer has a host
            self._later("HostLocked", str(held), "warning", LOCKED)
        except (DiagnosticError, RecordError) as problem:
            self._later("RoundFailed", str(problem), "error")
        except Exception as bug:
            self.failed(bug)

    def failed(self, bug: Exception) -> None:
        """Tell of a mistake of ours, and look at everything later."""
        self._later("RoundFailed", f"unexpected {type(bug).__name__}: {bug} ({_place(bug)})", "error")

    def _later(self, reason: str, why: str, severity: Severity, longest: float | None = None) -> None:
        self.failures += 1
        now = time.monotonic()
        due = self._patience.backoff.failed(ROUND, now, longest)
        told = f"{why.rstrip('.')}. It is tried again in {due - now:.0f} s."
        self._journal.tell(reason, told, severity)
        self._audience.trouble(f"{told}\n", Exit.ERROR if self.failures >= _MOST_HEARD else None)
        if now >= self.next_resync:
            self._put_off(now)

    def _act(self, told: Told) -> None:
        now = time.monotonic()
        self._look_who_is_ready()
        self._looking.lost(told.lost)
        due = self._patience.backoff.past(now)
        whole = told.whole or self._reason(due, now)
        if self._course.consider(self._lookout.tip, afresh=bool(whole)):
            whole = f"{self._course.commit[:12]} is in force"
            self._patience.anew()
            self._unready.anew()
        if self._course.loaded is not None:
            hosts = {key.removeprefix(HOST) for key in due if key.startswith(HOST)} | told.hosts.keys() - told.lost
            self._look_and_run(whole, hosts, told)
        elif whole:
            self._rest()
        self._answer()

    def _look_who_is_ready(self) -> None:
        if self._leadership.leads:
            self._unready.look()
        elif self._led:
            self._unready.forget()

    def _answer(self) -> None:
        """Tell those who wait for a commit of which nothing comes; not before the branch was looked at."""
        if self._lookout.up_to_date and self._course.tip == self._lookout.tip.commit:
            leads = self._leadership.leads
            answer(self._audience, self._course, leads=leads, why=self._leadership.condition().message)
            if self._audience.awaited() and not self._patience.backoff.known(ROUND):
                self._inbox.whole("somebody waits for it")

    def _reason(self, due: Collection[str], now: float) -> str:
        """Why everything is to be looked at, if it is."""
        if now >= self.next_resync:
            return "it is time"
        return _FAILED if any(not key.startswith(HOST) for key in due) else ""

    def _look_and_run(self, whole: str, hosts: Collection[str], told: Told) -> None:
        if whole:
            self._read_suspensions()
            self._runner.take_up()
            hosts = self._worth_asking(whole)
        if not self._leads(hosts):
            return self._rest()
        looks = self._looking.look(hosts) if hosts else {}
        recovered = any(look.recovered for look in looks.values())
        if recovered:
            self._runner.settled = ""  # it may have lost what is not on its disk
            self._leadership.tend()
        named = {address for host, names in told.hosts.items() if host in looks for address in names}
        moved = frozenset(named.union(*(look.moved for look in looks.values())))
        if whole or recovered:
            self._runner.run()
            self._put_off(time.monotonic())
            self._course.share()
            self.failures = 0
        elif moved:
            names = listed(sorted(map(str, moved)))
            self._journal.tell("Moved", f"{names} moved on {', '.join(sorted(looks))}", "debug")
            self._runner.run(moved, told.heard)
        return None

    def _rest(self) -> None:
        """There is nothing to be done for now, also about what failed: else it would be due without a pause."""
        self._patience.keep((), self._looking.hosts)
        self._put_off(time.monotonic())

    def _worth_asking(self, why: str) -> list[str]:
        """All hosts, without those that failed a moment ago where nobody waits for them."""
        waiting = self._patience.backoff.waiting(time.monotonic()) if why == _FAILED else {}
        return [name for name in self._looking.hosts if HOST + name not in waiting]

    def _leads(self, hosts: Collection[str]) -> bool:
        """Whether this controller may work; the first time, it is asked for."""
        if not self._led:
            self._led = True
            self._looking.connect()
            self._leadership.start()
        elif not self._leadership.leads and hosts:
            self._looking.connect()
            self._leadership.tend()
        self.standing_by = not self._leadership.leads
        return self._leadership.leads

    def _put_off(self, now: float) -> None:
        self.next_resync = now + self._resync * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret

    def _read_suspensions(self) -> None:
        """What is suspended; when that cannot be read, everything is."""
        try:
            self._patience.suspensions = kept.suspensions(self._course.repository, self._course.fleet_id)
            self._patience.unreadable = ""
        except (RecordError, SourceError) as problem:
            self._patience.unreadable = str(problem)
            self._journal.tell("SuspensionsUnreadable", f"nothing is done: {problem}", "error")
        show_suspended(self._patience, self._conditions)


def _place(bug: Exception) -> str:
    """Where a bug came up, for whoever mends it."""
    last = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def show_suspended(patience: Patience, conditions: Conditions) -> None:
    """Publish what is suspended."""
    if patience.unreadable:
        conditions.put("Suspended", "Unknown", "Unreadable", patience.unreadable)
    elif fleet := suspension.fleet_wide(patience.suspensions):
        conditions.put("Suspended", "True", "Fleet", suspension.words(fleet))
    elif patience.suspensions:
        conditions.put("Suspended", "True", "Some", ", ".join(each.what for each in patience.suspensions))
    else:
        conditions.put("Suspended", "False", "Nothing")
