"""Two controllers of one fleet, on simulated hosts: real leases, held by real processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from reconciler.apply import apply
from reconciler.driver import Driver, DriverError, ErrorClass, HostConfig
from reconciler.listener import Silent
from reconciler.serve.leadership import Leadership
from reconciler.serve.telling.journal import Journal
from reconciler_simulator import DRIVER
from tests.support.carried_out import statuses
from tests.support.contract import FLEET_ID, Folder
from tests.support.holder import holding
from tests.support.memory_driver import MemoryHost, plan, step

TERM = 60.0
"""Longer than any test: nothing changes here but by looking."""


class Fleet:
    """Hosts of one fleet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def config(self, name: str) -> HostConfig:
        connection: dict[str, object] = {"state": str(self._folder / f"{name}.json")}
        return HostConfig(name=name, driver="simulator", fleet="t", fleet_id=FLEET_ID, connection=connection)

    def open(self, *names: str) -> dict[str, Driver]:
        return {name: DRIVER.open(self.config(name), Folder(self._folder)) for name in names}


class Controller:
    """One that leads or follows. `turns` is what it was told."""

    def __init__(self, hosts: dict[str, Driver], term: float = TERM) -> None:
        self.hosts, self.journal = hosts, Journal()
        self.turns: SimpleQueue[bool] = SimpleQueue()
        self.leadership = Leadership(lambda: self.hosts, term, self.journal, self.turns.put)

    def look(self) -> bool:
        self.leadership.tend()
        return self.leadership.leads

    def may_work_on(self, host: str) -> bool:
        try:
            self.leadership.check(host)
        except DriverError as refusal:
            return refusal.error_class is not ErrorClass.HELD
        return True


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def pair(fleet: Fleet) -> Iterator[tuple[Controller, Controller]]:
    """Two controllers that see the hosts a and b."""
    first, second = (Controller(fleet.open("a", "b")) for _ in range(2))
    with contextlib.closing(first.leadership), contextlib.closing(second.leadership):
        yield first, second


def test_one_leads_and_the_other_says_what_it_waits_for(pair: tuple[Controller, Controller]) -> None:
    first, second = pair
    assert first.look()
    assert not second.look()
    assert (first.may_work_on("a"), first.may_work_on("b")) == (True, True)
    assert (second.may_work_on("a"), second.may_work_on("b")) == (False, False)
    ours, theirs = first.leadership.condition(), second.leadership.condition()
    assert (ours.type, ours.status, ours.reason) == ("Leading", "True", "Leads")
    assert (theirs.status, theirs.reason) == ("False", "AnotherLeads")
    assert theirs.message.startswith("waits for the lease of host a: another controller leads this fleet")
    assert theirs.since
    assert [entry.reason for entry in second.journal.entries()] == ["AnotherLeads"]


def test_the_next_one_leads_when_the_first_has_closed_and_each_is_told_once(
    pair: tuple[Controller, Controller],
) -> None:
    first, second = pair
    first.look()
    first.look()
    second.look()
    first.leadership.close()
    assert second.look()
    assert not first.may_work_on("a")
    assert [first.turns.get(), first.turns.empty()] == [True, True]
    assert [second.turns.get(), second.turns.get(), second.turns.empty()] == [False, True, True]


def test_nobody_leads_a_host_before_it_was_looked_at(pair: tuple[Controller, Controller]) -> None:
    first, _ = pair
    assert first.leadership.condition().status == "Unknown"
    with pytest.raises(DriverError, match="does not lead on host a: its lease was not asked for yet"):
        first.leadership.check("a")


def test_a_controller_that_meets_the_leader_of_a_lower_host_gives_way(fleet: Fleet) -> None:
    """It could not see that host before, so both led, on different hosts."""
    first, second = Controller(fleet.open("a", "b")), Controller(fleet.open("b", "c"))
    with contextlib.closing(first.leadership), contextlib.closing(second.leadership):
        assert second.look()
        assert first.look(), "it has the lowest host"
        assert not first.may_work_on("b"), "that is the other's, for now"
        assert "leaves to another controller: b" in first.leadership.condition().message
        second.hosts = fleet.open("a", "b", "c")
        assert not second.look()
        assert not second.may_work_on("c"), "it let go of everything"
        assert first.look()
        assert first.may_work_on("b")


def test_the_lease_moves_with_the_connection(fleet: Fleet) -> None:
    """A driver that was opened anew takes the lease anew, and is not refused by its own past."""
    only = Controller(fleet.open("a"))
    with contextlib.closing(only.leadership):
        assert only.look()
        only.hosts = fleet.open("a")
        assert only.look()
        assert only.may_work_on("a")
        only.hosts = fleet.open("b")
        assert only.look()
        assert (only.may_work_on("a"), only.may_work_on("b")) == (False, True)


def test_a_host_that_does_not_answer_hinders_nobody(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("")
    (tmp_path / f"a.json.{FLEET_ID}.lead").mkdir()
    only = Controller(fleet.open("a"))
    with contextlib.closing(only.leadership):
        assert only.look(), "nobody else can work there either"
        assert only.leadership.condition().reason == "NoHostAnswers"
        assert not only.may_work_on("a")
        only.hosts = fleet.open("a", "b")
        assert only.look()
        assert (only.may_work_on("a"), only.may_work_on("b")) == (False, True)


def test_who_leads_is_found_out_without_being_asked(fleet: Fleet) -> None:
    """The other controller is killed; the lease is looked at three times in a term."""
    only = Controller(fleet.open("a"), term=0.3)
    with holding(fleet.config("a"), TERM) as other, contextlib.closing(only.leadership):
        only.leadership.start()
        assert not only.turns.get(timeout=20)
        other.signal(9)
        assert only.turns.get(timeout=20)
        assert only.may_work_on("a")


def test_a_step_is_refused_on_a_host_where_we_lead_no_more() -> None:
    """However many steps are left of the plan: those that were not begun are not done."""
    host, stop = MemoryHost("kvm-01"), threading.Event()
    asked: list[str] = []

    def leading(name: str) -> None:
        asked.append(name)
        if len(asked) > 1:
            raise DriverError(ErrorClass.HELD, "another leads")

    steps = plan(step("a"), step("b", "a"), step("c", "b"))
    outcomes = apply(steps, {host.name: host}, Silent(), stop, workers=1, leading=leading)
    assert statuses(outcomes) == {"a": "succeeded", "b": "failed", "c": "skipped"}
    assert asked == ["kvm-01", "kvm-01"]
