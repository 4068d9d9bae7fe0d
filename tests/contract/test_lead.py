"""One controller per fleet; its lease goes when it goes, and when nothing is heard of it (T17, T19)."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from reconciler.driver import Driver, DriverError, ErrorClass
from tests.support.contract import OTHER_FLEET_ID, Bench
from tests.support.holder import holding
from tests.support.rig import Rig

TERM = 2.0
LONG = 60.0
PATIENCE = 10.0
"""Seconds in which a lease of `TERM` has gone, on a machine that has other things to do."""


@pytest.fixture
def second(bench: Bench) -> Iterator[Driver]:
    with contextlib.closing(bench.driver.open(bench.config, bench.files)) as driver:
        yield driver


def led(driver: Driver, patience: float = PATIENCE) -> None:
    """Lead, once the lease is to be had."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with driver.lead(TERM) as lease:
                lease.check()
            return
        except DriverError:
            assert time.monotonic() < deadline, "the lease outlived its holder"
            time.sleep(0.05)


def test_a_second_controller_is_refused_until_the_first_has_left(rig: Rig, second: Driver) -> None:
    with rig.driver.lead(LONG) as lease:
        lease.check()
        with pytest.raises(DriverError, match="another controller leads this fleet") as refusal, second.lead(LONG):
            raise AssertionError("two controllers")
        assert refusal.value.error_class is ErrorClass.HELD
    with second.lead(LONG) as lease:
        lease.check()


def test_a_controller_and_a_run_of_apply_do_not_hinder_each_other(rig: Rig, second: Driver) -> None:
    with rig.driver.lead(LONG) as leading, second.lock() as writing:
        leading.check()
        writing.check()


def test_the_controllers_of_two_fleets_share_a_host(rig: Rig, bench: Bench) -> None:
    config = replace(bench.config, fleet_id=OTHER_FLEET_ID)
    with (
        contextlib.closing(bench.driver.open(config, bench.files)) as other,
        rig.driver.lead(LONG) as ours,
        other.lead(LONG) as theirs,
    ):
        ours.check()
        theirs.check()


def test_the_lease_of_a_killed_controller_is_free_at_once(rig: Rig, bench: Bench) -> None:
    with holding(bench.config, LONG) as first:
        with pytest.raises(DriverError), rig.driver.lead(LONG):
            raise AssertionError("two controllers")
        first.signal(signal.SIGKILL)
        led(rig.driver)


def test_a_controller_that_works_keeps_its_lease_for_longer_than_the_term(rig: Rig, bench: Bench) -> None:
    with holding(bench.config, TERM) as first:
        end = time.monotonic() + 1.5 * TERM
        while time.monotonic() < end:
            with pytest.raises(DriverError), rig.driver.lead(TERM):
                raise AssertionError("two controllers")
            time.sleep(0.1)
        assert first.asked() == "held"


def test_the_lease_of_a_stopped_controller_goes_and_it_learns_that_when_it_is_resumed(rig: Rig, bench: Bench) -> None:
    with holding(bench.config, TERM) as first:
        assert first.asked() == "held"
        first.signal(signal.SIGSTOP)
        led(rig.driver)
        first.signal(signal.SIGCONT)
        assert first.asked().startswith("held: "), "it has to refuse, as one who holds nothing any more"
        assert first.asked() != "held", "what was lost once is lost"
