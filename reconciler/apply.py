"""Carry a plan out: a ready set over its steps, a few workers per host, and an outcome for every step.

Apply decides nothing. What a step may do stands in the plan; whether the object is still what was planned on is
for the driver to see; whether the hypervisor did it is read from what the driver gives back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue

import msgspec

from reconciler.claim import PATIENCE, claim
from reconciler.driver import Driver
from reconciler.listener import Calm, Listener
from reconciler.objects import Await
from reconciler.performing import Performer, Retry, failure
from reconciler.plan import Outcome, Plan, Step
from reconciler.readiness import Pace, Waits

_NOTICE = 0.1
"""Seconds after which an interrupt is noticed."""


def apply(
    plan: Plan,
    drivers: Mapping[str, Driver],
    listener: Listener,
    stop: threading.Event,
    *,
    workers: int = 4,
    retry: Retry | None = None,
    pace: Pace | None = None,
    sure: Collection[str] | None = None,
    patience: float = PATIENCE,
    leading: Callable[[str], None] | None = None,
    opening: Callable[[], None] | None = None,
    closing: Callable[[list[Outcome]], None] | None = None,
) -> list[Outcome]:
    """Run the steps of a plan and return their outcomes, in the plan's order.

    The locks of all hosts that the plan touches are held for its steps, and those of all hosts where something is made
    that may stand only once; raises `DriverError` (held), before anything is done, when another writer has one. `sure`
    are the hosts that were completely seen when the plan was made (None: all). A host has `patience` seconds to give
    its lock. `leading` is asked, with the host, in front of each step, and raises `DriverError` when that host is not
    ours to work on any more. `opening` is called once the locks are held and before anything is done: it raises
    `DriverError` (held) when another writer has done what makes the plan void. `closing` is called with the outcomes
    while the locks are still held, so that no other writer acts between a run and what is told of it.
    When `stop` is set, running steps finish, no other starts, no guest is waited for, and the rest is `not-run`.
    `workers` counts per host, so that a slow host delays no other; waiting for a guest takes none of them. An interrupt
    (`KeyboardInterrupt`) or a crash leaves at once: the workers are daemon threads, and what they leave behind is found
    by the next run.
    """
    with ExitStack() as locks:
        claimed = claim(locks, plan.steps, drivers, drivers.keys() if sure is None else sure, patience)
        if opening is not None:
            opening()
        calm = Calm(listener)
        performer = Performer(plan.source.commit, drivers, claimed, calm, stop, retry or Retry(), leading)
        waits = Waits(drivers, calm, stop, pace)
        outcomes = _Run(plan, performer.perform, waits, calm, stop, workers).outcomes()
        if closing is not None:
            closing(outcomes)
        return outcomes


class _Run:
    """The ready set. Every step gets exactly one result, either from a worker or because it cannot start."""

    def __init__(
        self,
        plan: Plan,
        perform: Callable[[Step], Outcome],
        waits: Waits,
        listener: Listener,
        stop: threading.Event,
        workers: int,
    ) -> None:
        self._steps = {step.id: step for step in plan.steps}
        self._order = TopologicalSorter({step.id: step.after for step in plan.steps})
        self._perform, self._waits, self._listener = perform, waits, listener
        self._stop, self._workers = stop, workers
        self._queues: dict[str, SimpleQueue[Step | None]] = {}
        self._results: SimpleQueue[Outcome | BaseException] = SimpleQueue()
        self._done: dict[str, Outcome] = {}
        self._left = False

    def outcomes(self) -> list[Outcome]:
        """Run until every step has an outcome."""
        self._order.prepare()
        try:
            while self._order.is_active():
                for step_id in self._order.get_ready():
                    self._begin(self._steps[step_id])
                self._settle(self._next())
        finally:
            self._left = True
            for queue in self._queues.values():
                for _ in range(self._workers):
                    queue.put(None)
        return [self._done[step_id] for step_id in self._steps]

    def _begin(self, step: Step) -> None:
        blockers = [self._done[need] for need in step.after if self._done[need].status != "succeeded"]
        broken = [each for each in blockers if each.status != "not-run"]
        if broken:
            blocker = broken[0].blocked_by or broken[0].step
            self._results.put(Outcome(step=step.id, status="skipped", blocked_by=blocker))
        elif blockers:
            self._results.put(Outcome(step=step.id, status="not-run"))
        elif step.awaits:
            queue = self._queue(step.key.host)
            self._waits.begin(step, step.awaits, lambda error: self._awaited(step, error, queue))
        else:
            self._queue(step.key.host).put(step)

    def _awaited(self, step: Step, error: str, queue: SimpleQueue[Step | None]) -> None:
        """Whom a step depends on is ready, or not."""
        if error and not self._stop.is_set():
            self._results.put(failure(step, error))
        else:
            queue.put(step)

    def _next(self) -> Outcome | BaseException:
        """The next result. An interrupt ends all waiting."""
        while True:
            try:
                return self._results.get(timeout=_NOTICE)
            except Empty:
                if self._stop.is_set():
                    self._waits.interrupt()

    def _settle(self, result: Outcome | BaseException) -> None:
        if isinstance(result, BaseException):
            raise result
        self._done[result.step] = result
        self._listener.finished(self._steps[result.step], result)
        self._order.done(result.step)

    def _queue(self, host: str) -> SimpleQueue[Step | None]:
        if host not in self._queues:
            self._queues[host] = SimpleQueue()
            for _ in range(self._workers):
                queue = self._queues[host]
                threading.Thread(target=self._work, args=(queue,), name=f"apply {host}", daemon=True).start()
        return self._queues[host]

    def _work(self, queue: SimpleQueue[Step | None]) -> None:
        while (step := queue.get()) is not None and not self._left:
            try:
                self._work_on(step)
            except BaseException as crash:  # whatever ends a worker must end the run, in the thread that waits for it
                self._results.put(crash)
                return

    def _work_on(self, step: Step) -> None:
        """A step that starts a guest has succeeded only once that is ready. That it runs was read back already."""
        outcome = Outcome(step=step.id, status="not-run") if self._stop.is_set() else self._perform(step)
        if outcome.status != "succeeded" or step.ready is None or step.ready.check == "running":
            self._results.put(outcome)
            return
        own = Await(key=step.key, readiness=step.ready)
        late = msgspec.structs.replace(outcome, status="failed", unready=True)
        self._waits.begin(
            step,
            (own,),
            lambda error: self._results.put(msgspec.structs.replace(late, error=error) if error else outcome),
        )
