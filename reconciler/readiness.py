"""Waiting until guests are ready: a look a second, news for people, and a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from reconciler.driver import Driver, DriverError, ErrorClass
from reconciler.listener import Listener
from reconciler.objects import Await
from reconciler.plan import Step

LOOKS_AT_ONCE = 4
"""Looks at guests of one host: some of them keep one of its connections for seconds."""
_INTERRUPTED = "the run was interrupted before it was ready"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often guests are looked at, and how often people are told of one thing, in seconds. `sleep` None waits on
    the stop event, so that an interrupted run waits for nobody. `at_once` bounds the looks at one host.
    """

    look: float = 1.0
    tell: float = 10.0
    at_once: int = LOOKS_AT_ONCE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] | None = None


class Waits:
    """Waits of a run, each in a thread of its own that sleeps nearly all the time, so that none takes a worker from a
    step. Every wait is over exactly once: its `over` gets why a guest is not ready, or nothing when it is.
    """

    def __init__(
        self, drivers: Mapping[str, Driver], listener: Listener, stop: threading.Event, pace: Pace | None = None
    ) -> None:
        self._drivers, self._listener, self._stop, self._pace = drivers, listener, stop, pace or Pace()
        self._turns = {host: threading.Semaphore(self._pace.at_once) for host in drivers}
        self._over: dict[str, Callable[[str], None]] = {}

    def begin(self, step: Step, awaits: tuple[Await, ...], over: Callable[[str], None]) -> None:
        """Wait for the guests that a step needs, or for its own."""
        self._over[step.id] = over
        threading.Thread(target=self._run, args=(step, awaits), name=f"await {step.id}", daemon=True).start()

    def interrupt(self) -> None:
        """End every wait now, also one that is just looking at its guest."""
        for step_id in list(self._over):
            self._end(step_id, _INTERRUPTED)

    def _end(self, step_id: str, error: str) -> None:
        if over := self._over.pop(step_id, None):
            over(error)

    def _run(self, step: Step, awaits: tuple[Await, ...]) -> None:
        error = ""
        try:
            for waited in awaits:
                who = "it" if waited.key == step.key else str(waited.key.address)
                if reason := self._wait(step, waited, who):
                    late = f"{who} is not ready ({waited.readiness.check}): {reason}"
                    error = _INTERRUPTED if self._stop.is_set() else late
                    break
        except Exception as bug:
            error = f"unexpected {type(bug).__name__}: {bug}"
        self._end(step.id, error)

    def _wait(self, step: Step, waited: Await, who: str) -> str:
        """Look until the guest is ready: then empty, else why it is waited for no longer."""
        check, deadline = waited.readiness.check, waited.readiness.deadline
        news = _News(lambda text: self._listener.noted(step, text), self._pace)
        end = self._pace.clock() + deadline
        while check != "none":
            missing, hopeless = self._look(waited)
            left = end - self._pace.clock()
            if not missing or hopeless:
                return missing
            if left <= 0 or self._stop.is_set():
                return f"{missing}, {deadline} s after it was asked first; {_advice(waited)}"
            news.about(f"waiting until {who} is ready ({check}): {missing}", left)
            (self._pace.sleep or self._stop.wait)(min(self._pace.look, left))
        return ""

    def _look(self, waited: Await) -> tuple[str, bool]:
        """What is missing right now, and whether waiting for it is in vain. A transient error leaves it open."""
        host, address = waited.key.host, waited.key.address
        if host not in self._drivers:
            return f"host {host} is not reached", True
        try:
            with self._turns[host]:
                return self._drivers[host].ready(address, waited.readiness.check), False
        except DriverError as problem:
            if problem.error_class is ErrorClass.TRANSIENT:
                return str(problem), False
            return f"{problem}; {_advice(waited)}", True


class _News:
    """Tells what is new at once, and what stays the same every now and then."""

    def __init__(self, tell: Callable[[str], None], pace: Pace) -> None:
        self._tell, self._pace = tell, pace
        self._text, self._next = "", 0.0

    def about(self, text: str, left: float) -> None:
        now = self._pace.clock()
        if text != self._text or now >= self._next:
            self._text, self._next = text, now + self._pace.tell
            self._tell(f"{text}; {left:.0f} s left")


def _advice(waited: Await) -> str:
    return f"look at it with `reconciler console {waited.key.address}`"
