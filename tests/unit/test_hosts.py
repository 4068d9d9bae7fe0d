"""Reaching hosts in parallel: one that fails or hangs is a snapshot that says so."""

from __future__ import annotations

import threading
import time

from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, DriverType, ErrorClass, Files, HostConfig
from reconciler.hosts import Reached, reach
from reconciler.objects import Wanted
from reconciler.observation import Complete, Failed, Snapshot
from tests.support.memory_driver import MemoryHost, MemoryType, NoFiles, observed


class Type(MemoryType):
    """A driver type whose hosts behave as their names say."""

    def __init__(self) -> None:
        self.opened: dict[str, MemoryHost] = {}
        self.release = threading.Event()
        self.together = threading.Barrier(2)

    def open(self, host: HostConfig, files: Files) -> MemoryHost:
        if host.name == "refuses":
            raise DriverError(ErrorClass.YOURS, "permission denied")
        if host.name == "hangs":
            self.release.wait(10)
        if host.name == "buggy":
            raise KeyError("x")
        if host.name.startswith("meets"):
            self.together.wait(5)
        self.opened[host.name] = MemoryHost(host.name)
        return self.opened[host.name]


def visit(*names: str, deadline: float = 5.0, type_: Type | None = None) -> Reached:
    found: DriverType = type_ or Type()
    hosts = [HostConfig(name=name, driver="memory", fleet="lab", fleet_id="x") for name in names]
    return reach(hosts, NoFiles(), deadline, lambda _: found)


def test_each_host_has_a_snapshot_in_the_order_given() -> None:
    reached = visit("b", "a")
    assert [(each.host, each.status) for each in reached.snapshots] == [("b", Complete()), ("a", Complete())]
    assert sorted(reached.drivers) == ["a", "b"]


def test_a_host_whose_look_is_known_is_not_observed() -> None:
    class Glancing(MemoryHost):
        def glance(self) -> str:
            return "as it was"

        def observe(self) -> Snapshot:
            return Snapshot(host=self.name, look="as it was", objects=(observed(wanted),))

    class Known(Type):
        def open(self, host: HostConfig, files: Files) -> MemoryHost:
            return Glancing(host.name)

    lan = Address("Network", "shop", "lan")
    wanted = Wanted(key=ObjectKey("a", lan), origin=lan, fields={})
    hosts = [HostConfig(name=name, driver="memory", fleet="lab", fleet_id="x") for name in ("same", "moved", "new")]
    known = {"same": "as it was", "moved": "otherwise"}
    reached = reach(hosts, NoFiles(), 5.0, lambda _: Known(), known)
    assert [len(each.objects) for each in reached.snapshots] == [0, 1, 1]
    assert {each.look for each in reached.snapshots} == {"as it was"}


def test_a_host_that_fails_is_a_failed_snapshot_and_others_go_on() -> None:
    reached = visit("refuses", "works", "buggy")
    assert [each.status for each in reached.snapshots] == [
        Failed("permission denied"),
        Complete(),
        Failed("unexpected KeyError: 'x'"),
    ]
    assert list(reached.drivers) == ["works"]


def test_a_host_that_hangs_costs_the_deadline_and_no_more() -> None:
    type_, begun = Type(), time.monotonic()
    reached = visit("hangs", "works", deadline=0.2, type_=type_)
    assert time.monotonic() - begun < 3
    assert [each.status for each in reached.snapshots] == [Failed("no answer within 0.2 s"), Complete()]
    assert list(reached.drivers) == ["works"]
    type_.release.set()


def test_a_slow_host_is_waited_for_as_long_as_its_own_section_says() -> None:
    type_ = Type()
    threading.Timer(0.4, type_.release.set).start()
    slow = HostConfig(name="hangs", driver="memory", fleet="lab", fleet_id="x", patience=5.0)
    reached = reach([slow], NoFiles(), 0.1, lambda _: type_)
    assert reached.snapshots[0].status == Complete()


def test_hosts_are_visited_at_the_same_time() -> None:
    assert all(each.complete for each in visit("meets-1", "meets-2").snapshots)


def test_a_driver_that_cannot_be_loaded_fails_its_host() -> None:
    def broken(name: str) -> DriverType:
        raise DriverError(ErrorClass.YOURS, f"driver {name!r} cannot be loaded")

    hosts = [HostConfig(name="a", driver="gone", fleet="lab", fleet_id="x")]
    reached = reach(hosts, NoFiles(), 5.0, broken)
    assert reached.snapshots[0].status == Failed("driver 'gone' cannot be loaded")


def test_all_open_drivers_are_closed() -> None:
    type_ = Type()
    visit("a", "b", type_=type_).close()
    assert all(host.closed for host in type_.opened.values())
