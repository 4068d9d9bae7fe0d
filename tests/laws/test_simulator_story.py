"""The laws once more, on the simulator's driver instead of a world of values: any story of commits, drift, faults and
kills ends, once the faults stop, where the commit says; and on the way no guest lies open and nothing is doubled.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Literal

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler import planning
from reconciler.apply import apply
from reconciler.driver import Driver, HostConfig
from reconciler.guard import Allow
from reconciler.listener import Silent
from reconciler.objects import Ended
from reconciler.performing import Retry
from reconciler.plan import Outcome, Plan, Source, Step
from reconciler_simulator import DRIVER, admin, hypervisor
from reconciler_simulator.driver import SimulatorDriver
from reconciler_simulator.faults import Crash, Fault, Faults, Point, Specification
from reconciler_simulator.model import Domain
from reconciler_simulator.store import Store
from tests.laws.strategies import HOSTS, WIRE, everything, fleets
from tests.support import fleet
from tests.support.fleet import FLEET_ID, Manifest
from tests.support.simulator_bench import unfiltered

MOST_CALLS = 40
"""Faults strike one of the first calls of a run; runs have rarely more."""


class AnyContent:
    """`Files` that have every content: the same raw disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "disk.raw"
        self._path.write_bytes(b"a disk")

    def fetch(self, source: str, sha256: str) -> Path:
        """The file; its digest is the business of others."""
        return self._path

    def secret(self, name: str) -> str:
        """None of these fleets has any."""
        raise AssertionError(name)


class Log(Silent):
    """Counts what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def called(self, step: Step, name: str, target: str) -> None:
        """Keep it."""
        self.calls.append(f"{name} {target}")


ENDINGS: dict[str, Ended] = {"stop": "host", "shut down": "guest", "kill": "crash"}
MEDDLING = [*ENDINGS, "memory", "unfilter", "lose", "undefine", "flush"]


class Story(RuleBasedStateMachine):
    """Two hosts, one fleet. `laid_open`: somebody took filters away by hand, and no run has gone through since."""

    laid_open = False

    @initialize(manifests=fleets())
    def begin(self, manifests: list[Manifest]) -> None:
        """Empty hosts, and a first commit."""
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.files = AnyContent(folder)
        self.stores = {host: Store(folder / f"{host}.json") for host in HOSTS}
        self.manifests = manifests

    def teardown(self) -> None:
        """Faults have stopped: one run with consent makes it right, and the next finds nothing to do."""
        if hasattr(self, "folder"):
            self._settle()
            self.folder.cleanup()

    def _settle(self) -> None:
        outcomes, _ = self._run(everything(self.manifests))
        assert {outcome.status for outcome in outcomes} <= {"succeeded"}, outcomes
        again, calls = self._run(Allow())
        assert (again, calls) == ([], []), "a converged world needs nothing"

    def _open(self, faults: tuple[Fault, ...] = ()) -> dict[str, Driver]:
        return {host: self._driver(host, faults) for host in HOSTS}

    def _driver(self, host: str, faults: tuple[Fault, ...]) -> SimulatorDriver:
        connection: dict[str, object] = {"state": str(self.stores[host].path), "physical_networks": [WIRE]}
        config = HostConfig(name=host, driver="simulator", fleet="lab", fleet_id=FLEET_ID, connection=connection)
        return SimulatorDriver(config, self.files, Faults(Specification(faults=faults)))

    def _plan(self, drivers: dict[str, Driver], allow: Allow) -> Plan:
        snapshots = [drivers[host].observe() for host in HOSTS]
        impacts = dict.fromkeys(HOSTS, DRIVER.impacts)
        return planning.planned(fleet.desired(*self.manifests), snapshots, impacts, Source(commit="c0ffee"), allow).plan

    def _run(self, allow: Allow, faults: tuple[Fault, ...] = ()) -> tuple[list[Outcome], list[str]]:
        """One run; a `Crash` leaves it at once, as one worker per host leaves nobody else at work there."""
        drivers, log = self._open(faults), Log()
        retry = Retry(first=0.0)
        outcomes = apply(self._plan(drivers, allow), drivers, log, threading.Event(), workers=1, retry=retry)
        self.laid_open = self.laid_open and any(outcome.status != "succeeded" for outcome in outcomes)
        return outcomes, log.calls

    @rule(manifests=fleets(), consent=st.booleans())
    def commit(self, manifests: list[Manifest], consent: bool) -> None:
        """Somebody pushes, and the run goes through."""
        self.manifests = manifests
        outcomes, _ = self._run(everything(manifests) if consent else Allow())
        assert {outcome.status for outcome in outcomes} <= {"succeeded"}, outcomes

    @rule(manifests=fleets())
    def commit_unseen(self, manifests: list[Manifest]) -> None:
        """Somebody pushes, and nobody runs anything."""
        self.manifests = manifests

    @rule(
        call=st.integers(1, MOST_CALLS),
        point=st.sampled_from(["before", "after-effect", "after"]),
        kind=st.sampled_from(["error", "transient"]),
    )
    def fail(self, call: int, point: Point, kind: Literal["error", "transient"]) -> None:
        """A run in which one call of each host fails, or seems to."""
        outcomes, _ = self._run(everything(self.manifests), (Fault(call=call, point=point, kind=kind),))
        if kind == "transient":
            assert {outcome.status for outcome in outcomes} <= {"succeeded"}, outcomes

    @rule(call=st.integers(1, MOST_CALLS), point=st.sampled_from(["before", "after-effect"]))
    def crash(self, call: int, point: Point) -> None:
        """A run that ends in the middle of one of its calls: step by step, so that nothing else goes on beside it."""
        drivers = self._open((Fault(call=call, point=point, kind="crash"),))
        try:
            for step in self._plan(drivers, everything(self.manifests)).steps:
                drivers[step.key.host].apply(step, "c0ffee", Quiet())
        except Crash:
            return

    @rule(host=st.sampled_from(HOSTS))
    def see_half(self, host: str) -> None:
        """A host is seen in part only: nothing of it is deleted, and nothing made twice."""
        before = self.stores[host].read().whole()
        drivers = self._open()
        drivers[host] = self._driver(host, (Fault(call="observe", kind="partial"),))
        apply(self._plan(drivers, everything(self.manifests)), drivers, Silent(), threading.Event(), workers=1)
        assert self.stores[host].read().whole() == before

    @rule(data=st.data(), what=st.sampled_from(MEDDLING))
    def meddle(self, data: st.DataObject, what: str) -> None:
        """Somebody changes a guest by hand."""
        places = [(host, name) for host, store in self.stores.items() for name in sorted(store.read().domains)]
        if places:
            self._meddle(*data.draw(st.sampled_from(places)), what, data)

    def _meddle(self, host: str, name: str, what: str, data: st.DataObject) -> None:
        with self.stores[host].changing() as state:
            domain = state.domains[name]
            if what in ENDINGS and domain.running:
                hypervisor.end_domain(state, name, ENDINGS[what])
            elif what == "memory":
                admin.set_memory(state, name, 1 << 28, data.draw(st.sampled_from(["stored", "running", "both"])))
            elif what == "unfilter":
                admin.drop_filters(state, name)
            elif what == "lose" and (left := sorted(_own(domain) & state.volumes.keys())):
                admin.lose_volume(state, data.draw(st.sampled_from(left)))
            elif what == "undefine" and not domain.running:
                hypervisor.undefine_domain(state, name)
            elif what == "flush":
                admin.flush(state)
            self.stores[host].write(state)
        self.laid_open = self.laid_open or what in ("unfilter", "flush")

    @rule(host=st.sampled_from(HOSTS))
    def forget(self, host: str) -> None:
        """A daemon is restarted, and knows no more why guests are off."""
        admin.restart(self.stores[host])

    @rule()
    def repair(self) -> None:
        """A run without any consent: filtering is put back at least."""
        outcomes, _ = self._run(Allow())
        assert {outcome.status for outcome in outcomes} <= {"succeeded"}, outcomes

    @invariant()
    def no_guest_lies_open(self) -> None:
        """I12, unless somebody has just laid it open by hand."""
        if hasattr(self, "stores") and not self.laid_open:
            assert [nic for store in self.stores.values() for nic in unfiltered(store.read())] == []

    @invariant()
    def nothing_is_there_twice(self) -> None:
        """I8: no identity, no address, no disk has two holders."""
        if hasattr(self, "stores"):
            domains = [domain for store in self.stores.values() for domain in store.read().domains.values()]
            forms = [domain.running or domain.stored for domain in domains]
            uuids = Counter(domain.uuid for domain in domains)
            macs = Counter(nic.mac for form in forms for nic in form.nics.values())
            assert max([*uuids.values(), *macs.values()], default=0) <= 1, json.dumps([uuids, macs])


def _own(domain: Domain) -> set[str]:
    """The volumes that are a domain's alone, its data among them."""
    return {*domain.stored.disks.values(), *(disk.volume for disk in domain.stored.data.values())}


class Quiet:
    """A `Progress` that nobody hears."""

    def call(self, name: str, target: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


QUICKLY = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
Story.TestCase.settings = settings(max_examples=20, stateful_step_count=10, phases=QUICKLY)
test_any_story_ends_where_the_commit_says = Story.TestCase
