"""Asks hosts, beside all other work, whether guests that were started are ready."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from queue import Empty, SimpleQueue

from reconciler import record
from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.driver import Driver, DriverError, ErrorClass
from reconciler.plan import Outcome
from reconciler.readiness import LOOKS_AT_ONCE
from reconciler.reconcile import Round
from reconciler.record import RecordError
from reconciler.serve.following.reading import beyond
from reconciler.serve.patience.becoming import LOOK, Becoming, Guest, News
from reconciler.serve.patience.started import Started, by_run, standing, to_be_ready

BRIEFLY = 0.3
"""Seconds for which a run waits for the first look at its guests: one that is ready at once is told of as such."""


class Readying:
    """Only one thread may use it; `wake` is called by others when a look has shown something."""

    def __init__(self, drivers: Callable[[], Mapping[str, Driver]], wake: Callable[[], None]) -> None:
        self.becoming = Becoming()
        self._drivers, self._wake = drivers, wake
        self._answers: SimpleQueue[tuple[Guest, str, bool]] = SimpleQueue()
        self._asked: dict[Address, Guest] = {}
        self._busy = Counter[str]()
        self._news: list[News] = []
        self._taken_up: set[str] = set()

    def learn(self, round_: Round, outcomes: Sequence[Outcome], *, stopped: bool) -> None:
        """Remember the guests that a run has started and not waited for, or in vain; `stopped`: it was interrupted.
        Of hosts that are seen for the first time, also those that run already: the controller before may have started
        them. Only those count that were last written for a commit that is not applied.
        """
        now, begun = time.monotonic(), list[Started]()
        needed = {name for step in round_.plan.steps for name in step.after}
        for started, outcome in by_run(round_.plan, outcomes, round_.snapshots):
            if outcome.unready:
                self.becoming.begin(started, now, late=not stopped)
            elif started.step.id in needed:
                self.becoming.was_ready(started)
            elif not (started.again and self.becoming.known(started)):
                begun.append(started)
        new = list(_counting(round_, [*self._found(round_), *begun]))
        for started in new:
            self.becoming.begin(started, now)
        self.becoming.left_down([Address.parse(each) for each in round_.plan.left_down])
        self._at_once({started.step.key.address for started in new}, now + BRIEFLY)

    def _found(self, round_: Round) -> Iterator[Started]:
        """The guests that run on hosts that are seen for the first time."""
        new = [each for each in round_.snapshots if each.complete and each.host not in self._taken_up]
        self._taken_up |= {each.host for each in new}
        wanted = to_be_ready(round_.loaded.desired) if new else {}
        yield from (each for each in standing(wanted, new) if not self.becoming.known(each))

    def _at_once(self, new: Set[Address], end: float) -> None:
        self._news += self.look() if new else []
        while self._asked.keys() & new and (left := end - time.monotonic()) > 0:
            try:
                guest, missing, hopeless = self._answers.get(timeout=left)
            except Empty:
                return
            news = self._hear(guest, missing, hopeless)
            if news and not (news.ready and guest.step.key.address in new):  # that goes without saying
                self._news.append(news)

    def look(self) -> list[News]:
        """Hear what looks have shown, and begin those that are due; returns what is new for people."""
        news, self._news = self._news, []
        while True:
            try:
                heard = self._hear(*self._answers.get_nowait())
            except Empty:
                break
            news += [heard] if heard else []
        now = time.monotonic()
        for guest in self.becoming.due(now):
            if self._may_ask(guest):
                guest.look = now + LOOK
                self._begin(guest)
            else:
                self.becoming.overdue(guest, now)
        return news

    def _may_ask(self, guest: Guest) -> bool:
        return guest.step.key.address not in self._asked and self._busy[guest.step.key.host] < LOOKS_AT_ONCE

    def _begin(self, guest: Guest) -> None:
        address = guest.step.key.address
        self._asked[address] = guest
        self._busy[guest.step.key.host] += 1
        threading.Thread(target=self._ask, args=(guest,), name=f"ready {address}", daemon=True).start()

    def next(self) -> float | None:
        """When there is something to look at, or the time of one is up that cannot be looked at; None when nothing is.
        An answer wakes by itself.
        """
        guests = list(self.becoming.guests.values())
        looks = [each.look for each in guests if self._may_ask(each)]
        ends = [max(each.end, each.look) for each in guests if not (each.late or self._may_ask(each))]
        return min((*looks, *ends), default=None)

    def _hear(self, guest: Guest, missing: str, hopeless: bool) -> News | None:
        address = guest.step.key.address
        del self._asked[address]
        self._busy[guest.step.key.host] -= 1
        if self.becoming.guests.get(address) is not guest:  # it was started once more since it was asked
            return None
        return self.becoming.looked(address, missing, time.monotonic(), hopeless=hopeless)

    def _ask(self, guest: Guest) -> None:
        missing, hopeless = _missing(self._drivers(), guest)
        self._answers.put((guest, missing, hopeless))
        self._wake()

    def forget(self) -> None:
        """Another controller works."""
        self.becoming.forget()
        self._taken_up = set()

    def anew(self, desired: Desired) -> None:
        """Another commit is in force."""
        self.becoming.anew(to_be_ready(desired), time.monotonic())


def _counting(round_: Round, started: Sequence[Started]) -> Iterator[Started]:
    """Those that were last written for a commit that is not applied; where that cannot be told, all."""
    if not started:
        return
    repo, commit = round_.loaded.tree.repository, round_.plan.source.commit
    try:
        applied = record.applied(repo, round_.plan.fleet_id)
        pending = {commit} - {applied} | beyond(repo, {each.commit for each in started}, applied)
    except RecordError:
        pending = {each.commit for each in started}
    yield from (each for each in started if each.commit in pending)


def _missing(drivers: Mapping[str, Driver], guest: Guest) -> tuple[str, bool]:
    """What a guest lacks, and whether waiting is in vain. One that went down meanwhile may be started again, and a
    connection may have gone while it was asked.
    """
    host = guest.step.key.host
    if host not in drivers:
        return f"host {host} is not reached", False
    try:
        return drivers[host].ready(guest.step.key.address, guest.readiness.check), False
    except DriverError as problem:
        return str(problem), problem.error_class is ErrorClass.UNSUPPORTED
    except Exception as bug:
        return f"unexpected {type(bug).__name__}: {bug}", False
