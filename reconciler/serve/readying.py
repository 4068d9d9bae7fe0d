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
from reconciler.objects import Await
from reconciler.plan import Outcome, Plan, Step
from reconciler.readiness import LOOKS_AT_ONCE
from reconciler.reconcile import Round
from reconciler.record import RecordError
from reconciler.serve.following.reading import beyond
from reconciler.serve.patience.becoming import LOOK, Becoming, Guest, News
from reconciler.serve.patience.started import AT_ONCE, Started, by_run, standing, to_be_ready

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
        self._awaited: Set[Address] = frozenset()

    def unready(self, plan: Plan, *, whole: bool) -> dict[Address, str]:
        """The guests that steps of a plan await and that are not ready, as far as is seen at once, with what stands for
        them in an account. From now on they are waited for. `whole`: the plan was made for all that is desired.
        """
        now, new = time.monotonic(), set[Address]()
        if whole:
            self.becoming.no_longer_asked(_depended_on(plan))
        awaited = {each.key.address: each for step in plan.steps for each in step.awaits}
        for address, each in awaited.items():
            seen = address in self.becoming.guests or self.becoming.fresh(address, now)
            if not seen and each.readiness.check not in AT_ONCE:
                self.becoming.begin(_asked(each), now, asked=True)
                new.add(address)
        self._at_once(new, now + BRIEFLY)
        return {address: each.step.id for address, each in self.becoming.guests.items() if address in awaited}

    def learn(self, round_: Round, outcomes: Sequence[Outcome], awaited: Set[Address], *, whole: bool) -> None:
        """Remember the guests that a run has started, and those that steps have to wait for (`awaited`; `whole`: it was
        about all). Of hosts that are seen for the first time, also those that run already: the controller before may
        have started them. Only those count that were last written for a commit that is not applied.
        """
        now, begun = time.monotonic(), list(by_run(round_.plan, outcomes, round_.snapshots))
        unknown = [each for each in begun if not (each.again and self.becoming.known(each))]
        new = list(_counting(round_, [*self._found(round_), *unknown]))
        for started in begun:
            self.becoming.started(started.step.key.address)
        for started in new:
            self.becoming.begin(started, now)
        depended = [each for each in begun if each.step.key.address in awaited - self.becoming.guests.keys()]
        for started in depended:
            self.becoming.begin(started, now, asked=True)
        self._awaited = awaited if whole else self._awaited | awaited
        self.becoming.left_down([Address.parse(each) for each in round_.plan.left_down])
        self._at_once({started.step.key.address for started in (*new, *depended)}, now + BRIEFLY)

    def freed(self) -> Set[Address]:
        """The guests that have become ready and for which steps were left; each is told of once."""
        ready = self.becoming.seen_ready(self._awaited)
        self._awaited = self._awaited - ready
        return ready

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
        self._taken_up, self._awaited = set(), frozenset()

    def anew(self, desired: Desired) -> None:
        """Another commit is in force."""
        self.becoming.anew(to_be_ready(desired), time.monotonic())


def _asked(waited: Await) -> Started:
    """A guest that runs, as what a step awaits."""
    step = Step(id=f"awaited {waited.key}", key=waited.key, verb="update", ready=waited.readiness)
    return Started(step=step, commit="")


def _depended_on(plan: Plan) -> set[Address]:
    """All guests on which something depends that a plan does, whether it awaits them or starts them itself."""
    wanted = (each for step in plan.steps for each in (*step.awaits, *(step.wanted.awaits if step.wanted else ())))
    return {each.key.address for each in wanted}


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
