"""What the make-believe host tells by itself, as it is, and mangled as somebody wishes (T21)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.address import Address
from reconciler.driver import Notice
from reconciler_simulator import hypervisor
from reconciler_simulator.faults import VARIABLE
from tests.support.contract import LAN, WEB
from tests.support.hosts import until
from tests.support.rig import Rig
from tests.support.simulator_bench import SimulatorBench

PATIENCE = 20
STORM = 100_000


@pytest.fixture
def bench(tmp_path: Path) -> SimulatorBench:
    return SimulatorBench(tmp_path)


@pytest.fixture
def rig(bench: SimulatorBench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rig]:
    def standing(**notices: object) -> Rig:
        monkeypatch.setenv(VARIABLE, json.dumps({"notices": notices}))
        opened = Rig(bench)
        opened.make(opened.scene().values())
        return opened

    return standing


def _both(bench: SimulatorBench, rig: Rig) -> None:
    """In one moment, so that one look finds both: the guest is switched off, and then the network."""
    with bench.store.changing() as state:
        hypervisor.stop_domain(state, rig.name(WEB))
        hypervisor.stop_network(state, rig.name(LAN))
        bench.store.write(state)


def _heard(rig: Rig, act: Callable[[], None], last: Callable[[list[Notice]], bool]) -> list[str]:
    heard: list[Notice] = []
    assert rig.driver.watch(heard.append)
    act()
    until(lambda: last(heard), PATIENCE, "what is to be told")
    rig.driver.close()
    return [str(notice.address) for notice in heard]


def test_all_is_told_in_its_order_and_once(rig: Callable[..., Rig], bench: SimulatorBench) -> None:
    made = rig()
    assert _heard(made, lambda: _both(bench, made), lambda heard: len(heard) >= 2) == [WEB, LAN]


def test_notices_are_lost_on_demand(rig: Callable[..., Rig], bench: SimulatorBench) -> None:
    made, lan = rig(lose=2), Address.parse(LAN)

    def act() -> None:
        _both(bench, made)
        for _ in range(2):
            bench._do(hypervisor.start_network, made.name(LAN))
            bench.stop_network(made.name(LAN))

    told = _heard(made, act, lambda heard: [each.address for each in heard].count(lan) >= 2)
    assert told == [WEB, LAN, LAN]


def test_notices_come_in_the_wrong_order_on_demand(rig: Callable[..., Rig], bench: SimulatorBench) -> None:
    made = rig(reorder=True)
    assert _heard(made, lambda: _both(bench, made), lambda heard: len(heard) >= 2) == [LAN, WEB]


def test_a_storm_of_notices_comes_on_demand(rig: Callable[..., Rig], bench: SimulatorBench) -> None:
    made = rig(repeat=STORM)
    told = _heard(made, lambda: bench.stop_guest(made.name(WEB)), lambda heard: len(heard) >= STORM)
    assert told == [WEB] * STORM
