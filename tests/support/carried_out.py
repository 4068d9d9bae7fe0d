"""Plans carried out on hosts in memory, and what is heard of it."""

from __future__ import annotations

import threading
from pathlib import Path

from reconciler import record
from reconciler.apply import apply
from reconciler.driver import DriverError, ErrorClass
from reconciler.listener import Listener, Silent
from reconciler.performing import Retry
from reconciler.plan import Outcome, Step
from reconciler.readiness import Pace
from reconciler.source import open_repository
from tests.support.memory_driver import MemoryHost, plan


class Recorder(Silent):
    """Writes down what it hears; a failure to take turns would show as a torn record."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.started_: list[str] = []
        self.finished_: list[tuple[str, str]] = []

    def started(self, step: Step) -> None:
        self.started_.append(step.id)

    def called(self, step: Step, name: str, target: str) -> None:
        self.calls.append((name, target))

    def noted(self, step: Step, text: str) -> None:
        self.notes.append(text)

    def finished(self, step: Step, outcome: Outcome) -> None:
        self.finished_.append((step.id, outcome.status))


class Watched(list[str]):
    """What a host does, each with the commit that is recorded as applied by then."""

    def __init__(self, repository: Path, fleet_id: str) -> None:
        super().__init__()
        self._repository, self._fleet_id = repository, fleet_id

    def append(self, what: str) -> None:
        super().append(f"{what}: {record.applied(open_repository(self._repository), self._fleet_id)}")


def run(
    steps: list[Step], *hosts: MemoryHost, listener: Listener | None = None, stop: threading.Event | None = None,
    workers: int = 1, retry: Retry | None = None, pace: Pace | None = None,
) -> list[Outcome]:  # fmt: skip
    """Carry steps out on these hosts."""
    retry = retry or Retry(sleep=lambda pause: None)
    drivers = {host.name: host for host in hosts}
    listener, stop = listener or Silent(), stop or threading.Event()
    return apply(plan(*steps), drivers, listener, stop, workers=workers, retry=retry, pace=pace)


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    """The status of each step."""
    return {outcome.step: outcome.status for outcome in outcomes}


def transient(text: str = "busy") -> DriverError:
    """An error that is worth trying again."""
    return DriverError(ErrorClass.TRANSIENT, text)
