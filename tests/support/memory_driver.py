"""A driver of a few lines for tests of `apply`: objects in a dict, and behaviour by script."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, ErrorClass, HostConfig, Notice, Progress
from reconciler.impact import ImpactTable
from reconciler.objects import Observed, Wanted
from reconciler.observation import Complete, Failed, Sighting, Snapshot
from reconciler.plan import Plan, Source, Step, Verb


class MemoryType:
    """What is known of a driver of such hosts before one is opened."""

    name = "memory"
    impacts: ImpactTable = ()

    def check(self, host: HostConfig) -> None:
        raise AssertionError("its section was checked when it was read")


Script = Callable[[Observed | None], Observed | None]
"""What happens in a step: it gets what stands, and returns what is to be read back."""


class NoFiles:
    """What hosts that are only looked at ask nothing of."""

    def fetch(self, source: str, sha256: str) -> Path:
        raise AssertionError(source)

    def secret(self, name: str) -> str:
        raise AssertionError(name)


class MemoryHost:
    """One host. `script` gives per step id what its attempts do before they succeed: an error to raise, or a callable
    that may wait, raise, or return what is to be read back. `readiness` has what looks at a guest find, by its name.
    `blind`: it cannot be observed. `lock_fails` may wait, and gives what taking the lock ends in.
    """

    def __init__(self, name: str, order: list[str] | None = None) -> None:
        self.name = name
        self.objects: dict[ObjectKey, Observed] = {}
        self.commits: list[str] = []
        self.script: defaultdict[str, list[BaseException | Script]]
        self.script = defaultdict(list)
        self.readiness: dict[str, list[str | DriverError]] = {}
        self.asked: list[str] = []
        self.locked = self.lost = self.closed = self.blind = False
        self.lock_fails: Callable[[], DriverError | None] | None = None
        self.unlocked = threading.Event()
        self.most_at_once = 0
        self._order = [] if order is None else order
        self._at_once = 0
        self._turn = threading.Lock()

    @contextmanager
    def lock(self) -> Iterator[MemoryHost]:
        self._order.append(f"lock {self.name}")
        if self.locked:
            raise DriverError(ErrorClass.HELD, f"another run has host {self.name}")
        if self.lock_fails and (problem := self.lock_fails()):
            raise problem
        self.locked = True
        try:
            yield self
        finally:
            self.locked = False
            self._order.append(f"unlock {self.name}")
            self.unlocked.set()

    def lead(self, term: float) -> AbstractContextManager[MemoryHost]:
        return self.lock()

    def watch(self, heard: Callable[[Notice], None]) -> bool:
        return False

    def check(self) -> None:
        if self.lost:
            raise DriverError(ErrorClass.HELD, "the lock was taken away")

    def observe(self) -> Snapshot:
        status = Failed("it does not answer") if self.blind else Complete()
        return Snapshot(host=self.name, status=status, objects=tuple(self.objects.values()))

    def glance(self) -> str:
        return ""

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        assert self.locked, "a step without the lock"
        with self._turn:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._apply(step, commit, progress)
        finally:
            with self._turn:
                self._at_once -= 1

    def _apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        progress.call(step.verb, str(step.key))
        event = self.script[step.id].pop(0) if self.script[step.id] else None
        if isinstance(event, BaseException):
            raise event
        self.commits.append(commit)
        if step.wanted is None:
            self.objects.pop(step.key, None)
        else:
            self.objects[step.key] = observed(step.wanted)
        self._order.append(step.id)
        now = self.objects.get(step.key)
        return event(now) if event else now

    def ready(self, instance: Address, check: str) -> str:
        """The last of the script's answers stays."""
        self.asked.append(f"{instance.name} {check}")
        answers = self.readiness.get(instance.name, [""])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, DriverError):
            raise answer
        return answer

    def survey(self) -> Sequence[Sighting]:
        return ()

    def proxy(self) -> Sequence[str]:
        return ()

    def console(self, address: Address) -> Sequence[str]:
        return ()

    def reach(self) -> Sequence[str]:
        return ()

    def doctor(self) -> Sequence[tuple[bool, str, str]]:
        return ()

    def close(self) -> None:
        self.closed = True


def observed(wanted: Wanted) -> Observed:
    """What stands after a wanted object was made faithfully."""
    return Observed(
        key=wanted.key, origin=wanted.origin, uid=str(wanted.key), stored=dict(wanted.fields), guards=wanted.guards
    )


def signalling(event: threading.Event) -> Script:
    """What happens in a step that tells so, and changes nothing else."""

    def happens(now: Observed | None) -> Observed | None:
        event.set()
        return now

    return happens


def step(name: str, *after: str, host: str = "kvm-01", verb: Verb = "create", **fields: str | int) -> Step:
    """A step whose id is the name of its instance."""
    address = Address("Instance", "shop", name)
    key = ObjectKey(host, address)
    wanted = None if verb == "delete" else Wanted(key=key, origin=address, fields=dict(fields))
    return Step(id=name, key=key, verb=verb, wanted=wanted, paths=tuple(sorted(fields)), after=after)


def plan(*steps: Step) -> Plan:
    """A plan of these steps."""
    return Plan(fleet="lab", fleet_id="f" * 8, source=Source(commit="c0ffee"), steps=steps)
