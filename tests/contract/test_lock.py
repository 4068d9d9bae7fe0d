"""One writer per host; the lock goes when its holder goes, however it goes (T17)."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from reconciler.driver import Driver, DriverError, ErrorClass
from tests.support.contract import Bench
from tests.support.holder import holding
from tests.support.rig import Rig

PATIENCE = 10.0


def _second(bench: Bench) -> contextlib.closing[Driver]:
    return contextlib.closing(bench.driver.open(bench.config, bench.files))


def test_a_second_writer_is_refused_until_the_first_has_left(rig: Rig, bench: Bench) -> None:
    with _second(bench) as second:
        with rig.driver.lock() as lease:
            lease.check()
            with pytest.raises(DriverError) as refusal, second.lock():
                raise AssertionError("two writers")
            assert refusal.value.error_class is ErrorClass.HELD
            assert f"process {os.getpid()} of " in str(refusal.value), "who is refused learns by whom"
        with second.lock() as lease:
            lease.check()


def test_readers_need_no_lock(rig: Rig, bench: Bench) -> None:
    with rig.driver.lock(), _second(bench) as second:
        assert second.observe().complete


def test_the_lock_of_a_killed_holder_is_free(rig: Rig, bench: Bench) -> None:
    with holding(bench.config) as holder:
        with pytest.raises(DriverError), rig.driver.lock():
            raise AssertionError("two writers")
        holder.signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with rig.driver.lock() as lease:
                lease.check()
            return
        except DriverError:
            assert time.monotonic() < deadline, "the lock outlived its holder"
            time.sleep(0.05)
