"""One step: done by its driver, tried again where that can help, and read back."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping

import msgspec

from reconciler.claim import Claim
from reconciler.driver import Driver, DriverError, ErrorClass, Lease
from reconciler.listener import Listener, StepProgress
from reconciler.plan import Outcome, Step
from reconciler.readback import shortfalls

_LOG = logging.getLogger(__name__)


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How transient errors are met: exponential backoff with full jitter, times in seconds.

    `sleep` None waits on the stop event, so that an interrupted run does not sit out its pauses.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0
    random: Callable[[], float] = random.random
    sleep: Callable[[float], object] | None = None

    def pause(self, failures: int) -> float:
        """How long to wait after that many failures: anything up to a bound that doubles each time."""
        bound: float = min(self.longest, self.first * 2 ** (failures - 1))
        return self.random() * bound


class Performer:
    """Carries out the steps of a commit on the hosts that were claimed, for several workers at once.

    `leading` is asked, with the host, in front of each step.
    """

    def __init__(
        self,
        commit: str,
        drivers: Mapping[str, Driver],
        claimed: Claim,
        listener: Listener,
        stop: threading.Event,
        retry: Retry,
        leading: Callable[[str], None] | None,
    ) -> None:
        self._commit, self._drivers, self._claimed = commit, drivers, claimed
        self._listener, self._stop, self._retry = listener, stop, retry
        self._leases = {host: _InTurn(host, lease, leading) for host, lease in claimed.leases.items()}

    def perform(self, step: Step) -> Outcome:
        """Do it, and say what became of it."""
        claimed, host = self._claimed, step.key.host
        if host in claimed.refused:
            return failure(step, claimed.refused[host])
        if step.id in claimed.barred:
            return failure(step, claimed.barred[step.id], race=True)
        self._listener.started(step)
        if host not in self._leases:
            return failure(step, f"host {host} is not reached")
        return self._tried(step)

    def _tried(self, step: Step) -> Outcome:
        progress, retry = StepProgress(step, self._listener), self._retry
        sleep = retry.sleep or self._stop.wait
        for failures in range(1, retry.attempts + 1):
            try:
                return self._once(step, progress)
            except DriverError as problem:
                if problem.error_class is not ErrorClass.TRANSIENT or failures == retry.attempts or self._stop.is_set():
                    return failure(step, str(problem), race=problem.error_class is ErrorClass.RACE)
                pause = retry.pause(failures)
                progress.note(f"trying again in {pause:.1f} s: {problem}")
                sleep(pause)
            except Exception as bug:
                _LOG.debug("step %s", step.id, exc_info=True)
                return failure(step, f"unexpected {type(bug).__name__}: {bug}")
        raise AssertionError("the last attempt always has an outcome")

    def _once(self, step: Step, progress: StepProgress) -> Outcome:
        self._leases[step.key.host].check()
        observed = self._drivers[step.key.host].apply(step, self._commit, progress)
        problems = list(shortfalls(step, observed))
        return failure(step, "; ".join(problems)) if problems else Outcome(step=step.id, status="succeeded")


def failure(step: Step, text: str, *, race: bool = False) -> Outcome:
    """What became of a step that was not done, or not as it should be."""
    return Outcome(step=step.id, status="failed", error=text, race=race)


class _InTurn:
    """The right to work on a host, for which several workers ask, one at a time."""

    def __init__(self, host: str, lease: Lease, leading: Callable[[str], None] | None) -> None:
        self._host, self._lease, self._leading = host, lease, leading
        self._turn = threading.Lock()

    def check(self) -> None:
        with self._turn:
            self._lease.check()
            if self._leading is not None:
                self._leading(self._host)
