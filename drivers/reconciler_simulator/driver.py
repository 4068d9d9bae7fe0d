"""The driver: observe and apply over the make-believe hypervisor."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Files, HostConfig, Lease, Progress
from reconciler.expectation import Expectations
from reconciler.impact import Impact, ImpactTable
from reconciler.objects import Observed, Wanted
from reconciler.observation import Complete, Failed, Foreign, HostFacts, Partial, Sighting, Snapshot
from reconciler.plan import Step
from reconciler_simulator.calls import Calls
from reconciler_simulator.faults import Faults
from reconciler_simulator.impacts import IMPACTS
from reconciler_simulator.model import State
from reconciler_simulator.objects import image, instance, network, security_group
from reconciler_simulator.site import Site, Task
from reconciler_simulator.store import Store, held


class Kind(Protocol):
    """What a module of `objects` has."""

    def observe(self, site: Site, state: State) -> Iterator[Observed | Foreign]:
        """All that is there of the kind."""

    def ensure(self, site: Site, calls: Calls, task: Task) -> None:
        """Bring one object to what is wanted."""

    def delete(self, site: Site, calls: Calls, observed: Observed) -> None:
        """Remove one object."""


KINDS: dict[str, Kind] = {
    "Image": image,
    "Network": network,
    "SecurityGroup": security_group,
    "Instance": instance,
}
FILTERED = ("SecurityGroup", "Instance")


class SimulatorLease(Lease):
    """The right to write, as long as the lock file that was locked is the one that is there."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def check(self) -> None:
        """Raises `DriverError` (held) when the lock is no longer ours."""
        try:
            same = os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            same = False
        if not same:
            raise DriverError(ErrorClass.HELD, f"the lock {self._path} was taken away")


class SimulatorDriver:
    """One make-believe host, seen by one fleet. `faults` are those of the environment unless others are given."""

    def __init__(self, host: HostConfig, files: Files, faults: Faults | None = None) -> None:
        path = host.connection.get("state")
        if not isinstance(path, str | Path):
            raise DriverError(ErrorClass.YOURS, f"host {host.name}: the simulator needs the path of its `state` file")
        self._site = Site.of(host, files)
        self._store = Store(Path(path))
        self._faults = faults or Faults.from_environment()
        self._expectations = Expectations()

    @contextlib.contextmanager
    def lock(self) -> Iterator[Lease]:
        """Become the host's only writer; the kernel takes the lock back when this process ends, however it ends."""
        path = self._store.path.with_name(self._store.path.name + ".lock")
        with contextlib.ExitStack() as stack:
            try:
                descriptor = stack.enter_context(held(path, wait=False))
            except BlockingIOError:
                text = f"another run is writing to host {self._site.host} ({path} is locked); wait for it to end"
                raise DriverError(ErrorClass.HELD, text) from None
            yield SimulatorLease(path, descriptor)

    def observe(self) -> Snapshot:
        """All that is ours on the host."""
        try:
            partial = self._faults.strike("before", "observe")
            found = list(self._look())
            facts = self._facts()
        except DriverError as failure:
            return Snapshot(host=self._site.host, status=Failed(str(failure)))
        objects = tuple(sorted((each for each in found if isinstance(each, Observed)), key=lambda each: each.key))
        foreign = tuple(sorted({each for each in found if isinstance(each, Foreign)}, key=str))
        status = Partial(("the simulator was told to show half of it",)) if partial else Complete()
        shown = objects[: len(objects) // 2] if partial else objects
        return Snapshot(host=self._site.host, status=status, facts=facts, objects=shown, foreign=foreign)

    def _look(self) -> Iterator[Observed | Foreign]:
        state = self._store.read()
        for kind in KINDS.values():
            yield from kind.observe(self._site, state)

    def _facts(self) -> HostFacts:
        table = security_group.table_of(self._site, self._store.read())
        reason = f"a table {self._site.table} that is not ours stands in the way; remove or rename it"
        return HostFacts(
            host=self._site.host,
            driver="simulator",
            version="1",
            virt_types=("kvm", "qemu"),
            vcpus=1024,
            memory=4 << 40,
            disk=64 << 40,
            enforcement="simulated" if table else "",
            enforcement_reason="" if table else reason,
        )

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        """Carry a step out and return what is there now."""
        result = self._carry_out(step, commit, progress)
        self._expectations.over(step)
        return result

    def _carry_out(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        found = list(self._look())
        _refuse_foreign(step, found)
        observed = _find(found, step)
        calls = Calls(self._store, self._faults, progress)
        kind = KINDS[step.key.address.kind]
        if step.verb == "delete":
            if observed:
                self._expectations.check(step, observed)
                kind.delete(self._site, calls, observed)
            return None
        if step.wanted is None:
            raise DriverError(ErrorClass.YOURS, f"step {step.id} wants nothing")
        if not self._expectations.done(step, observed):
            kind.ensure(self._site, calls, _task(step, step.wanted, commit))
        return _find(list(self._look()), step)

    def ready(self, instance: Address, check: str) -> str:
        """Look once whether an instance passes a readiness check: empty when it does."""
        return ""

    def survey(self) -> Sequence[Sighting]:
        """Everything on the host, ours or not."""
        return ()

    def proxy(self) -> Sequence[str]:
        """The command that SSH takes as `ProxyCommand`; empty when none is needed."""
        return ()

    def console(self, address: Address) -> Sequence[str]:
        """A command that says what a guest would."""
        name = self._site.identity.name(address)
        return [sys.executable, "-m", "reconciler_simulator", str(self._store.path), "console", name]

    def reach(self) -> Sequence[str]:
        """No guest of this host can be reached, from anywhere."""
        return []

    def doctor(self) -> Sequence[tuple[bool, str, str]]:
        """Whether the state file can be read and written."""
        try:
            self._store.read()
            readable = True
        except DriverError:
            readable = False
        folder = next(parent for parent in self._store.path.parents if parent.exists())
        return [
            (readable, f"the state {self._store.path} can be read", "move the file away to start with an empty host"),
            (os.access(folder, os.W_OK), f"{folder} can be written", "give yourself the right to write there"),
        ]

    def close(self) -> None:
        """Nothing is kept open."""


class SimulatorType:
    """The driver before it is opened."""

    name = "simulator"
    impacts: ImpactTable = IMPACTS

    def open(self, host: HostConfig, files: Files) -> SimulatorDriver:
        """Open a host; its state file is made by the first change."""
        return SimulatorDriver(host, files)


def _find(found: list[Observed | Foreign], step: Step) -> Observed | None:
    """The object that a step means: the one of that identity, whatever address is written on it."""
    for each in found:
        if isinstance(each, Observed) and _means(step, each):
            return each
    return None


def _means(step: Step, observed: Observed) -> bool:
    by_origin = step.wanted and (observed.origin, observed.key.part) == (step.wanted.origin, step.key.part)
    return observed.key == step.key or bool(by_origin)


def _refuse_foreign(step: Step, found: list[Observed | Foreign]) -> None:
    """Nothing is made over, or on top of, what is not ours."""
    mine = {step.key, *(step.wanted.needs if step.wanted else ())}
    for foreign in found:
        if isinstance(foreign, Foreign):
            table = foreign.what == "table" and step.key.address.kind in FILTERED
            if foreign.claims in mine or table:
                text = f"{foreign.what} {foreign.name!r} is in the way of {step.key}: it {foreign.reason}"
                raise DriverError(ErrorClass.EXISTS, text)


def _task(step: Step, wanted: Wanted, commit: str) -> Task:
    return Task(
        wanted=wanted,
        commit=commit,
        waiting=step.waiting,
        may_restart=step.impact.rank >= Impact.RESTART.rank,
        may_rebuild=step.impact.rank >= Impact.REBUILD.rank,
    )
