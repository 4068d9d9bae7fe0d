"""A round for a guest that died, in a process that has planned before: `python -m benchmarks.event REPO STATES OUT`.

What it took, and what everything takes in the same process, is written to the file OUT.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.measure import Cost, least
from reconciler.driver import Files
from reconciler.installed import driver_type
from reconciler.reconcile import Options, around, files_of, load
from reconciler.serve.links import Links
from reconciler.serve.readying import Readying
from reconciler.serve.rounds import Rounds
from reconciler.serve.telling.journal import Journal
from reconciler_simulator.state import Changes
from reconciler_simulator.store import Store

TIMES = 5
HOST = "kvm-000"


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """Of an event: to look at the host and to plan what is named. `whole` is to plan everything. The `floor` is to read
    and decode the state of that host.
    """

    event: Cost
    whole: Cost
    floor: Cost


class Controller:
    """What one has at hand once it has looked at all hosts; nobody tells it anything."""

    def __init__(self, repository: Path) -> None:
        self._options = Options(repo=repository, rev="HEAD")
        self._loaded = load(self._options)
        self._known = around(self._loaded, self._options)
        self._links = Links(driver_type, lambda notice: None)
        readying = Readying(lambda: self._links.connected, lambda: None)
        self._rounds = Rounds(self._links, self._options, Journal(), lambda host: None, lambda: None, readying)

    def measure(self, states: Path) -> Reaction:
        """The best of a few; the first event is not counted, since it works out what holds from then on."""
        store = Store(states / f"{HOST}.json")
        with files_of(self._loaded, self._known) as files:
            self._links.use(self._known.hosts)
            self._links.look([host.name for host in self._known.hosts], files)
            events = [_after_a_death(store, lambda: self._event(files)) for _ in range(TIMES + 1)][1:]
            wholes = [_cost(self._whole) for _ in range(2)]
            self._links.close()
        return Reaction(event=least(events), whole=least(wholes), floor=least(_floors(store.path)))

    def _event(self, files: Files) -> None:
        moved = self._links.look([HOST], files)[HOST].moved
        plan = self._rounds.plan(self._loaded, self._known, moved, None).plan
        assert {step.key.address for step in plan.steps} == moved
        assert len(moved) == 1

    def _whole(self) -> None:
        assert len(self._rounds.plan(self._loaded, self._known, frozenset(), None).plan.steps) > TIMES


def _after_a_death(store: Store, work: Callable[[], None]) -> Cost:
    with store.changing() as state:
        name, guest = next((name, each) for name, each in sorted(state.domains.items()) if each.running)
        state.domains[name] = msgspec.structs.replace(guest, running=None, ended="crash")
        store.write(state)
    return _cost(work)


def _floors(path: Path) -> list[Cost]:
    decode = msgspec.json.Decoder(Changes).decode

    def read() -> None:
        assert [decode(line) for line in path.read_bytes().splitlines()]

    return [_cost(read) for _ in range(TIMES)]


def _cost(work: Callable[[], None]) -> Cost:
    """Of this process and of those that it waited for."""
    begun, spent = time.perf_counter(), _cpu()
    work()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Cost(wall=time.perf_counter() - begun, cpu=_cpu() - spent, memory=memory)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    found = Controller(Path(sys.argv[1])).measure(Path(sys.argv[2]))
    Path(sys.argv[3]).write_bytes(msgspec.json.encode(found))
