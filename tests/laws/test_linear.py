"""Twice the fleet takes twice the work, and no more: counted in calls, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType

import msgspec
import pytest

from benchmarks.fleet import PER_HOST, Shape, manifests
from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.manifest import Blob
from reconciler.observation import Snapshot
from reconciler.plan import Plan, Source
from reconciler.planning import planned
from reconciler.serve.patience.about import plan_about
from reconciler.shortcut import Shortcut, to_remember
from reconciler.source.worktree import blob_id
from reconciler.vicinity import Surroundings
from tests.support.remembered import Commit, Eyes
from tests.support.world import World, fallen

MOST = 2.2
"""Times the work for twice the fleet; sorting takes a little more than twice."""


def calls(act: Callable[[], object]) -> int:
    """How many functions are called, in Python and in C."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def blobs(hosts: int) -> list[Blob]:
    made = [(path, text.encode()) for path, text in manifests(Shape(instances=hosts * PER_HOST))]
    return [Blob(path, data, blob_id(data)) for path, data in made]


def desired(files: list[Blob], memory: dict[str, bytes] | None = None) -> Desired:
    found, diagnostics = load(files, lambda path: None, None if memory is None else Memory(memory))
    assert not failed(diagnostics), diagnostics
    return found


class Memory:
    """Of manifests."""

    def __init__(self, entries: dict[str, bytes]) -> None:
        self.get, self.put = entries.get, entries.__setitem__


def world(hosts: int) -> World:
    return World(hosts=tuple(f"kvm-{number:03}" for number in range(hosts)))


def twice(work: Callable[[int], Callable[[], object]]) -> float:
    """The work for four hosts by that for two. What is only done once in a process is done before."""
    work(1)()
    return calls(work(4)) / calls(work(2))


@pytest.mark.parametrize("one_file", [False, True])
def test_reading_manifests_is_linear(one_file: bool) -> None:
    def work(hosts: int) -> Callable[[], object]:
        files = blobs(hosts)
        whole = b"---\n".join(each.data for each in files)
        return lambda: desired([Blob("all.yaml", whole, blob_id(whole))] if one_file else files)

    assert twice(work) < MOST


def test_reading_manifests_that_are_remembered_is_linear_and_far_less_work() -> None:
    known: dict[str, bytes] = {}
    for hosts in (1, 2, 4):
        desired(blobs(hosts), known)

    def work(hosts: int) -> Callable[[], object]:
        files = blobs(hosts)
        return lambda: desired(files, known)

    assert twice(work) < MOST
    assert calls(work(2)) * 3 < calls(lambda: desired(blobs(2)))


def test_a_first_plan_is_linear() -> None:
    def work(hosts: int) -> Callable[[], object]:
        wanted, empty = desired(blobs(hosts)), world(hosts)
        return lambda: empty.plan(wanted)

    assert twice(work) < MOST


def test_a_plan_without_changes_is_linear_and_less_work_than_a_first_one() -> None:
    def work(hosts: int) -> Callable[[], object]:
        wanted, empty = desired(blobs(hosts)), world(hosts)
        there = empty.applied(empty.plan(wanted))
        assert there.plan(wanted).empty
        return lambda: there.plan(wanted)

    assert twice(work) < MOST
    wanted = desired(blobs(2))
    assert calls(work(2)) * 3 < calls(lambda: world(2).plan(wanted)) * 2


class Stored(Commit):
    """The files of a fleet of that many hosts; with an instance of the first host edited if asked for."""

    def __init__(self, hosts: int, *, edited: bool = False) -> None:
        super().__init__({})
        self._blobs = blobs(hosts)
        if edited:
            (place,) = (at for at, each in enumerate(self._blobs) if each.path == "shop-000/instances/web-01.yaml")
            data = self._blobs[place].data.replace(b"flavor: small", b"flavor: large")
            self._blobs[place] = Blob(self._blobs[place].path, data, blob_id(data))

    def blobs(self, known: Callable[[str], bool]) -> Iterator[Blob]:
        yield from self._blobs


def test_a_plan_after_a_commit_of_one_instance_takes_hardly_more_work_in_a_larger_fleet() -> None:
    known: dict[str, bytes] = {}

    def work(hosts: int) -> Callable[[], object]:
        wanted, empty = desired(blobs(hosts), known), world(hosts)
        there = empty.applied(empty.plan(wanted))
        snapshots, tables = there.snapshots(), dict.fromkeys(there.hosts, there.impacts)
        outcome = planned(wanted, snapshots, tables, Source())
        before, memory = Stored(hosts), Memory(known)
        standing = to_remember(before, memory, wanted, snapshots, outcome, "as always")
        assert standing
        shortcut = Shortcut(Stored(hosts, edited=True), memory, standing, Eyes(there, glances=False))
        made = shortcut.plan()
        assert made
        assert len(made.plan.changes) == 1
        return shortcut.plan

    work(1)()
    assert calls(work(4)) < calls(work(2)) * 1.2


def test_a_plan_for_an_event_takes_hardly_more_work_in_a_larger_fleet() -> None:
    def work(hosts: int) -> Callable[[], object]:
        wanted, empty = desired(blobs(hosts)), world(hosts)
        there = empty.applied(empty.plan(wanted))
        key = ObjectKey("kvm-000", Address("Instance", "shop-000", "web-01"))
        there = msgspec.structs.replace(there, objects={**there.objects, key: fallen(there.objects[key], "crash")})
        shown, tables = there.snapshots(), dict.fromkeys(there.hosts, there.impacts)
        surroundings = Surroundings()
        surroundings.take_up(wanted, shown)

        def planner(part: Desired, snapshots: list[Snapshot]) -> Plan:
            return planned(part, snapshots, tables, Source()).plan

        assert len(plan_about({key.address}, wanted, shown, planner, surroundings).steps) == 1
        return lambda: plan_about({key.address}, wanted, shown, planner, surroundings)

    work(1)()
    assert calls(work(4)) < calls(work(2)) * 1.2
