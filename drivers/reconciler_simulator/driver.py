"""The driver: observe and apply over the make-believe hypervisor."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, ErrorClass, Files, HostConfig, Lease, Notice, Progress
from reconciler.expectation import Expectations
from reconciler.impact import Impact, ImpactTable
from reconciler.objects import Observed, Wanted
from reconciler.observation import Complete, Failed, Foreign, Partial, Sighting, Snapshot
from reconciler.plan import Step
from reconciler_simulator import observing
from reconciler_simulator.calls import Calls
from reconciler_simulator.faults import Faults
from reconciler_simulator.impacts import IMPACTS
from reconciler_simulator.lease import holding
from reconciler_simulator.objects import image, instance, network, security_group, volume
from reconciler_simulator.settings import settings
from reconciler_simulator.site import Site, Task
from reconciler_simulator.state import State
from reconciler_simulator.store import Store
from reconciler_simulator.watching import Watch


class Kind(Protocol):
    """What a module of `objects` has."""

    def observe(self, site: Site, state: State) -> Iterator[Observed | Foreign]:
        """All that is there of the kind."""

    def look(self, site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
        """What is there of one object, or in its way; what this costs does not follow the size of the host."""

    def ensure(self, site: Site, calls: Calls, task: Task) -> None:
        """Bring one object to what is wanted."""

    def delete(self, site: Site, calls: Calls, observed: Observed) -> None:
        """Remove one object."""


KINDS: dict[str, Kind] = {
    "Image": image,
    "Network": network,
    "SecurityGroup": security_group,
    "Volume": volume,
    "Instance": instance,
}
FILTERED = ("SecurityGroup", "Instance")


class SimulatorDriver:
    """One make-believe host, seen by one fleet. `faults` are those of the environment unless others are given."""

    def __init__(self, host: HostConfig, files: Files, faults: Faults | None = None) -> None:
        self._site = Site.of(host, files)
        self._store = Store(Path(self._site.settings.state))
        self._faults = faults or Faults.from_environment()
        self._expectations = Expectations()
        self._looks: Counter[Address] = Counter()
        self._watch: Watch | None = None
        self._addresses: dict[Address, Address] = {}
        """Of what was seen, by origin: the name of what was renamed is that of its origin."""

    def lock(self) -> contextlib.AbstractContextManager[Lease]:
        """Become the host's only writer; the lock goes when this process goes, however it goes, or is long silent."""
        path = self._beside(".lock")
        held = (
            f"another run is writing to it: {{who}}; {path} is locked. Wait for it to end. If it is stopped, the lock"
            f" goes {self._faults.silence:g} s after its last sign of life"
        )
        return holding(path, self._faults.silence, held)

    def lead(self, term: float) -> contextlib.AbstractContextManager[Lease]:
        """Become the fleet's controller as far as this host can tell, or raise `DriverError` (held)."""
        path = self._beside(f".{self._site.fleet_id}.lead")
        return holding(path, term, f"another controller leads this fleet: {{who}}; {path} is locked")

    def _beside(self, suffix: str) -> Path:
        return self._store.path.with_name(self._store.path.name + suffix)

    def watch(self, heard: Callable[[Notice], None]) -> bool:
        """Tell whenever something of ours on the host changes."""
        self._end_watch()
        self._watch = Watch(self._site, self._store.path, self._addresses, heard)
        self._watch.begin(self._faults.notices)
        return True

    def _end_watch(self) -> None:
        if self._watch:
            self._watch.end()

    def observe(self) -> Snapshot:
        """All that is ours on the host."""
        try:
            partial = self._faults.strike("before", "observe", self._looked_at)
            with self._store.still() as state:
                found = list(self._everything(state))
                facts = observing.facts(self._site, state)
                look = self._store.digest()
        except DriverError as failure:
            return Snapshot(host=self._site.host, status=Failed(str(failure)))
        objects = tuple(sorted((each for each in found if isinstance(each, Observed)), key=lambda each: each.key))
        self._addresses.update((each.origin, each.key.address) for each in objects)
        foreign = tuple(sorted({each for each in found if isinstance(each, Foreign)}, key=str))
        status = Partial(("the simulator was told to show half of it",)) if partial else Complete()
        shown = objects[: len(objects) // 2] if partial else objects
        return Snapshot(host=self._site.host, status=status, facts=facts, objects=shown, foreign=foreign, look=look)

    @property
    def _looked_at(self) -> tuple[str, str]:
        """What a look goes by, for who wants it to fail."""
        return "observe", f"observe {self._site.host}"

    def glance(self) -> str:
        """A digest of the state file, which is all that is looked at."""
        return "" if self._faults.strike("before", "observe", self._looked_at) else Store(self._store.path).digest()

    def _everything(self, state: State) -> Iterator[Observed | Foreign]:
        for kind in KINDS.values():
            yield from kind.observe(self._site, state)

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        """Carry a step out and return what is there now."""
        result = self._carry_out(step, commit, progress)
        self._expectations.over(step)
        self._addresses.update({result.origin: result.key.address} if result else {})
        return result

    def _carry_out(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        self._refuse_foreign(step)
        observed = self._find(step)
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
        return self._find(step)

    def _find(self, step: Step) -> Observed | None:
        """The object that a step means: the one of that identity, whatever address is written on it.

        A step that deletes does not say the identity: what was renamed has to be searched for.
        """
        origin = step.wanted.origin if step.wanted else step.key.address
        with self._store.still() as state:
            near = list(self._look(state, step.key, origin))
            found = next((each for each in near if isinstance(each, Observed) and _means(step, each)), None)
            if found is None and step.wanted is None:
                everything = self._everything(state)
                found = next((each for each in everything if isinstance(each, Observed) and _means(step, each)), None)
        return found

    def _look(self, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
        return KINDS[key.address.kind].look(self._site, state, key, origin)

    def _refuse_foreign(self, step: Step) -> None:
        """Nothing is made over, or on top of, what is not ours."""
        origins = {step.key: step.wanted.origin} if step.wanted else {}
        with self._store.still() as state:
            if step.key.address.kind in FILTERED and not security_group.is_ours(self._site, state):
                text = f"table {self._site.table!r} is in the way of {step.key}: it was not made by this fleet"
                raise DriverError(ErrorClass.EXISTS, text)
            for key in (step.key, *(step.wanted.needs if step.wanted else ())):
                for each in self._look(state, key, origins.get(key, key.address)):
                    if isinstance(each, Foreign) and each.claims == key:
                        text = f"{each.what} {each.name!r} is in the way of {step.key}: it {each.reason}"
                        raise DriverError(ErrorClass.EXISTS, text)

    def ready(self, instance: Address, check: str) -> str:
        """Look once whether an instance passes a readiness check: empty when it does."""
        self._looks[instance] += 1
        with self._store.still() as state:
            return observing.missing(self._site, state, instance, check, self._looks[instance])

    def survey(self) -> Sequence[Sighting]:
        """Everything on the host, ours or not."""
        with self._store.still() as state:
            return sorted(observing.survey(self._site, state), key=lambda each: (each.kind, each.name))

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
        """Tell nothing more; nothing else is kept open."""
        self._end_watch()


class SimulatorType:
    """The driver before it is opened."""

    name = "simulator"
    impacts: ImpactTable = IMPACTS

    def check(self, host: HostConfig) -> None:
        """Raises `DriverError` (yours) when the host's section has a mistake."""
        settings(host.name, host.connection)

    def open(self, host: HostConfig, files: Files) -> SimulatorDriver:
        """Open a host; its state file is made by the first change."""
        return SimulatorDriver(host, files)


def _means(step: Step, observed: Observed) -> bool:
    by_origin = step.wanted and (observed.origin, observed.key.part) == (step.wanted.origin, step.key.part)
    return observed.key == step.key or bool(by_origin)


def _task(step: Step, wanted: Wanted, commit: str) -> Task:
    return Task(
        wanted=wanted,
        commit=commit,
        waiting=step.waiting,
        may_live=step.impact.rank >= Impact.LIVE.rank,
        may_restart=step.impact.rank >= Impact.RESTART.rank,
        may_rebuild=step.impact.rank >= Impact.REBUILD.rank,
    )
