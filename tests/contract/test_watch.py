"""What a host tells by itself: about whom, how fast, and that it tells nothing more."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import pytest

from reconciler.address import Address
from reconciler.driver import Driver, Notice
from tests.support.contract import LAN, WEB, Bench
from tests.support.rig import Rig

PATIENCE = 20.0


class Ears:
    """What a driver tells, in order, and when it was heard."""

    def __init__(self, driver: Driver) -> None:
        self._heard: SimpleQueue[tuple[float, Notice]] = SimpleQueue()
        self.notices: list[Notice] = []
        assert driver.watch(lambda notice: self._heard.put((time.monotonic(), notice)))

    def until(self, wanted: Callable[[Notice], bool], what: str) -> float:
        """Listen until that is heard, and say when it was."""
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            try:
                when, notice = self._heard.get(timeout=left)
            except Empty:
                break
            self.notices.append(notice)
            if wanted(notice):
                return when
        raise AssertionError(f"heard nothing of {what}: {self.notices}")

    def of(self, address: str) -> float:
        """Listen until something is heard of an address."""
        return self.until(lambda notice: notice.address == Address.parse(address), address)

    def rest(self) -> list[Notice]:
        """What was told and is not listened to yet."""
        return [self._heard.get()[1] for _ in range(self._heard.qsize())]


@pytest.fixture
def standing(rig: Rig) -> Rig:
    """A host with a guest that runs."""
    rig.make(rig.scene().values())
    return rig


def test_what_becomes_of_guests_and_networks_is_heard_at_once(standing: Rig, bench: Bench) -> None:
    ears, name = Ears(standing.driver), standing.name(WEB)
    acts: dict[str, tuple[str, Callable[[], object]]] = {
        "switched off": (WEB, lambda: bench.stop_guest(name)),
        "defined": (WEB, lambda: bench.set_stored_memory(name, 96 << 20)),
        "started": (WEB, lambda: standing.update(standing.scene()[WEB])),
        "died": (WEB, lambda: bench.crash_guest(name)),
        "network stopped": (LAN, lambda: bench.stop_network(standing.name(LAN))),
    }
    for what, (address, act) in acts.items():
        ears.rest()
        before = time.monotonic()
        act()
        sys.stdout.write(f"{what}: heard {1000 * (ears.of(address) - before):.0f} ms after it was asked for\n")
    assert {notice.host for notice in ears.notices} == {bench.config.name}
    assert not any(notice.lost for notice in ears.notices)
    assert all(notice.cause for notice in ears.notices)


def test_nothing_is_heard_of_what_is_not_ours(standing: Rig, bench: Bench) -> None:
    ears = Ears(standing.driver)
    bench.plant("domain", "stranger", "11111111-1111-4111-8111-111111111111")
    bench.plant("network", "elsewhere", "22222222-2222-4222-8222-222222222222")
    bench.stop_guest(standing.name(WEB))
    ears.of(WEB)
    assert {notice.address for notice in ears.notices} == {Address.parse(WEB)}


def test_who_was_renamed_is_heard_under_the_new_name(standing: Rig, bench: Bench) -> None:
    renamed = standing.scene(metadata={"name": "shop", "origin": "web"})["Instance/default/shop"]
    standing.update(renamed, paths=("address",))
    standing.driver.observe()
    ears = Ears(standing.driver)
    bench.stop_guest(standing.name(WEB))
    ears.of("Instance/default/shop")


def test_a_driver_hears_nothing_of_its_own_looks(standing: Rig, bench: Bench) -> None:
    ears = Ears(standing.driver)
    for _ in range(3):
        standing.driver.observe()
    bench.stop_guest(standing.name(WEB))
    ears.of(WEB)
    assert [notice.address for notice in ears.notices] == [Address.parse(WEB)]


def test_when_the_daemon_restarts_that_is_heard_and_then_all_else_again(standing: Rig, bench: Bench) -> None:
    ears = Ears(standing.driver)
    bench.restart_daemon()
    ears.until(lambda notice: notice.lost, "the loss")
    again = Ears(standing.driver)
    assert standing.driver.observe().complete
    bench.stop_guest(standing.name(WEB))
    again.of(WEB)
    assert not any(notice.lost for notice in again.notices)


def test_a_driver_that_is_closed_tells_nothing(standing: Rig, bench: Bench) -> None:
    closed = bench.driver.open(bench.config, bench.files)
    deaf, ears = Ears(closed), Ears(standing.driver)
    closed.close()
    bench.stop_guest(standing.name(WEB))
    ears.of(WEB)
    assert deaf.rest() == []
