"""Asks hosts, beside all other work, whether guests that were started are ready."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.driver import Driver, DriverError, ErrorClass
from reconciler.kinds.instance import readiness_of
from reconciler.plan import Outcome, Plan
from reconciler.readiness import LOOKS_AT_ONCE
from reconciler.serve.patience.becoming import AT_ONCE, LOOK, Becoming, Guest

BRIEFLY = 0.3
"""Seconds for which a run waits for the first look at its guests: one that is ready at once is told of as such."""


class Readying:
    """Only one thread may use it; `wake` is called by others when a look has shown something."""

    def __init__(self, drivers: Callable[[], Mapping[str, Driver]], wake: Callable[[], None]) -> None:
        self.becoming = Becoming()
        self._drivers, self._wake = drivers, wake
        self._answers: SimpleQueue[tuple[Guest, str, bool]] = SimpleQueue()
        self._asked: dict[Address, Guest] = {}
        self._news: list[str] = []

    def learn(self, plan: Plan, outcomes: Sequence[Outcome], *, stopped: bool) -> None:
        """Remember the guests that a run has started and not waited for, or in vain; `stopped`: it was interrupted."""
        steps, now = {step.id: step for step in plan.steps}, time.monotonic()
        for outcome in outcomes:
            step = steps[outcome.step]
            if step.ready is None or step.ready.check in AT_ONCE:
                continue
            if outcome.unready:
                self.becoming.begin(step, now, late=not stopped)
            elif outcome.status == "succeeded" and not _needed(plan, step.id):
                self.becoming.begin(step, now)
        self._at_once(now + BRIEFLY)

    def _at_once(self, end: float) -> None:
        self._news = self.look()
        while self._asked and (left := end - time.monotonic()) > 0:
            try:
                guest, missing, hopeless = self._answers.get(timeout=left)
            except Empty:
                return
            news = self._hear(guest, missing, hopeless)
            if guest.step.key.address in self.becoming.guests:  # that one is ready goes without saying here
                self._news.append(news)

    def look(self) -> list[str]:
        """Hear what looks have shown, and begin those that are due; returns what is new for people."""
        news, self._news = self._news, []
        while True:
            try:
                news.append(self._hear(*self._answers.get_nowait()))
            except Empty:
                break
        now = time.monotonic()
        busy = Counter(each.step.key.host for each in self._asked.values())
        for guest in self.becoming.due(now):
            address, host = guest.step.key.address, guest.step.key.host
            guest.look = now + LOOK
            if address in self._asked or busy[host] >= LOOKS_AT_ONCE:
                news.append(self.becoming.looked(address, guest.missing, now))
                continue
            busy[host] += 1
            self._asked[address] = guest
            threading.Thread(target=self._ask, args=(guest,), name=f"ready {address}", daemon=True).start()
        return [each for each in news if each]

    def next(self) -> float | None:
        """When there is something to look at; None when nothing is. An answer wakes by itself."""
        return self.becoming.next()

    def _hear(self, guest: Guest, missing: str, hopeless: bool) -> str:
        address = guest.step.key.address
        self._asked.pop(address, None)
        if self.becoming.guests.get(address) is not guest:  # it was started once more since it was asked
            return ""
        return self.becoming.looked(address, missing, time.monotonic(), hopeless=hopeless)

    def _ask(self, guest: Guest) -> None:
        missing, hopeless = _missing(self._drivers(), guest)
        self._answers.put((guest, missing, hopeless))
        self._wake()

    def forget(self) -> None:
        """Another controller works."""
        self.becoming.guests.clear()

    def anew(self, desired: Desired) -> None:
        """Another commit is in force."""
        instances = {address: each for address, each in desired.resources.items() if address.kind == "Instance"}
        wanted = {
            address: readiness_of(instances[address].spec) for address in self.becoming.guests if address in instances
        }
        self.becoming.anew(wanted, time.monotonic())


def _missing(drivers: Mapping[str, Driver], guest: Guest) -> tuple[str, bool]:
    """What a guest lacks, and whether waiting is in vain. One that went down meanwhile may be started again."""
    host = guest.step.key.host
    if host not in drivers:
        return f"host {host} is not reached", False
    try:
        return drivers[host].ready(guest.step.key.address, guest.readiness.check), False
    except DriverError as problem:
        return str(problem), problem.error_class is ErrorClass.UNSUPPORTED
    except Exception as bug:
        return f"unexpected {type(bug).__name__}: {bug}", True


def _needed(plan: Plan, name: str) -> bool:
    return any(name in step.after for step in plan.steps)
