"""Hosts are kept open, and one that fails or hangs holds up no other (T31, T32)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from reconciler.driver import DriverError, ErrorClass, HostConfig, Notice
from reconciler.observation import Complete, Failed, Snapshot
from reconciler.serve.links import Links
from tests.support.memory_driver import MemoryHost, MemoryType, NoFiles, observed, step

PATIENCE = 20.0


class Scripted(MemoryHost):
    """A host whose next looks do what is scripted: raise, or wait and go on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.looks: list[Callable[[], None]] = []
        self.opened = 0
        self.heard: Callable[[Notice], None] = lambda notice: None

    def watch(self, heard: Callable[[Notice], None]) -> bool:
        self.heard = heard
        return True

    def observe(self) -> Snapshot:
        if self.looks:
            self.looks.pop(0)()
        return super().observe()


class Fleet(MemoryType):
    """Two hosts, and what was heard of them."""

    def __init__(self, together: float) -> None:
        self.hosts = {name: Scripted(name) for name in ("kvm-01", "kvm-02")}
        self.notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.links = Links(lambda name: self, self.notices.put, together)
        self.links.use([config(name) for name in self.hosts])

    def open(self, host: HostConfig, files: object) -> Scripted:
        self.hosts[host.name].opened += 1
        return self.hosts[host.name]

    def look(self, *names: str) -> None:
        self.links.look(names or tuple(self.hosts), NoFiles())

    def seen(self) -> list[bool]:
        return [each.complete for each in self.links.snapshots]


def config(name: str, **connection: object) -> HostConfig:
    return HostConfig(name=name, driver="memory", fleet="lab", fleet_id="f", connection=connection)


def fails() -> None:
    raise DriverError(ErrorClass.TRANSIENT, "no route to host")


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet(together=PATIENCE)
    fleet.look()
    return fleet


def test_a_driver_stays_open_from_look_to_look(fleet: Fleet) -> None:
    fleet.look()
    assert (fleet.seen(), [host.opened for host in fleet.hosts.values()]) == ([True, True], [1, 1])


def test_what_is_not_as_it_was_is_told(fleet: Fleet) -> None:
    made = step("web-1")
    assert made.wanted is not None
    fleet.hosts["kvm-01"].objects[made.key] = observed(made.wanted)
    looks = fleet.links.look(["kvm-01", "kvm-02"], NoFiles())
    assert [each.moved for each in looks.values()] == [{made.key.address}, frozenset()]


def test_a_host_that_fails_is_connected_anew_and_the_other_one_is_not(fleet: Fleet) -> None:
    fleet.hosts["kvm-01"].looks = [fails]
    fleet.look()
    assert fleet.seen() == [False, True]
    assert list(fleet.links.drivers) == ["kvm-02"]
    looks = fleet.links.look(["kvm-01", "kvm-02"], NoFiles())
    assert [each.recovered for each in looks.values()] == [True, False]
    assert [host.opened for host in fleet.hosts.values()] == [2, 1]


def test_a_host_that_hangs_is_planned_without_and_told_of_when_it_has_answered() -> None:
    fleet, going = Fleet(together=0.2), threading.Event()
    fleet.hosts["kvm-01"].looks = [lambda: assert_true(going.wait(PATIENCE))]
    fleet.look()
    assert fleet.seen() == [False, True]
    going.set()
    assert fleet.notices.get(timeout=PATIENCE) == Notice(host="kvm-01", cause="it has answered")
    looks = fleet.links.look(["kvm-01"], NoFiles())
    assert (fleet.seen(), looks["kvm-01"].recovered, fleet.hosts["kvm-01"].opened) == ([True, True], True, 1)


def test_a_host_that_hangs_is_not_asked_again_until_it_has_answered() -> None:
    fleet, going = Fleet(together=0.1), threading.Event()
    fleet.hosts["kvm-01"].looks = [lambda: assert_true(going.wait(PATIENCE)), fails]
    for _ in range(3):
        fleet.look()
    assert (fleet.seen(), len(fleet.hosts["kvm-01"].looks)) == ([False, True], 1)
    going.set()
    assert fleet.notices.get(timeout=PATIENCE).host == "kvm-01"


def test_a_lost_connection_is_a_host_that_was_not_seen_and_is_made_anew(fleet: Fleet) -> None:
    fleet.links.lost(["kvm-01"])
    assert fleet.seen() == [False, True]
    fleet.look("kvm-01")
    assert (fleet.seen(), fleet.hosts["kvm-01"].opened) == ([True, True], 2)


def test_a_host_that_hangs_after_its_connection_was_lost_is_not_waited_for_as_if_it_were_well() -> None:
    fleet, going = Fleet(together=PATIENCE), threading.Event()
    fleet.look()
    fleet.links.lost(["kvm-01"])
    fleet.hosts["kvm-01"].looks = [lambda: assert_true(going.wait(PATIENCE))]
    fleet.look()
    assert fleet.seen() == [False, True]
    going.set()
    assert fleet.notices.get(timeout=PATIENCE).host == "kvm-01"


def test_a_bug_in_a_driver_is_a_host_that_failed(fleet: Fleet) -> None:
    fleet.hosts["kvm-01"].looks = [lambda: assert_true(False)]
    fleet.look()
    (status, other) = (each.status for each in fleet.links.snapshots)
    assert isinstance(status, Failed)
    assert "AssertionError" in status.error
    assert other == Complete()


def test_a_host_that_is_reached_otherwise_is_connected_anew(fleet: Fleet) -> None:
    fleet.links.use([config("kvm-01", port=1), config("kvm-02")])
    fleet.look()
    assert [host.opened for host in fleet.hosts.values()] == [2, 1]


def test_a_host_that_is_only_connected_is_not_looked_at() -> None:
    fleet = Fleet(together=PATIENCE)
    fleet.hosts["kvm-01"].looks = [fails]
    fleet.links.look(["kvm-01"], NoFiles(), observing=False)
    assert list(fleet.links.connected) == ["kvm-01"]
    assert len(fleet.hosts["kvm-01"].looks) == 1


def assert_true(value: bool) -> None:
    assert value
