"""The story of examples/web-shop on the simulator, and `kill -9` of its `apply` at every call.

After a kill the next run ends where an undisturbed one ends (T01), and no guest lies open on the way (I12).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler_simulator import admin
from reconciler_simulator.store import Store
from tests.support import crash
from tests.support.command import Desk
from tests.support.effort import some
from tests.support.simulator_bench import unfiltered
from tests.support.zygote import run as run_command

EXAMPLE = Path(__file__).parents[2] / "examples" / "web-shop"
FLEET_ID = "3d0b6c84-51f7-4a0e-b1c6-9f2e7a4d5c10"
DATA = "3d0b6c84.shop.orders.data.qcow2"
DB = "3d0b6c84.shop.db"
WEB_1 = "3d0b6c84.shop.web-1"
VOLUME = "Volume/shop/orders"


class Shop(Desk):
    """A user with a committed copy of the example, and the simulated host that it is about."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copytree(EXAMPLE, self.repo)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("A shop")
        self.store = crash.host(self.home / ".local" / "state", FLEET_ID, "local")

    def apply(self, *arguments: str) -> list[str]:
        """Apply; returns the calls that were made."""
        ran = self.run("apply", "--verbose", *arguments)
        assert ran.code == 0, ran.err
        return _calls(ran.err)

    def state_file(self) -> Path:
        return self.store.path

    def plan(self) -> Any:
        """The plan, as JSON."""
        return self.run("plan", "-o", "json").value


def _calls(text: str) -> list[str]:
    """What `--verbose` tells of the calls: name and target."""
    lines = (line.split() for line in text.splitlines())
    return [" ".join(words[1:3]) for words in lines if words[:1] == ["call"]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _disks(store: Store, domain: str) -> list[str]:
    running = store.read().domains[domain].running
    return [disk.volume for disk in running.data.values()] if running else []


def test_the_shop_is_made_once_and_stands(shop: Shop) -> None:
    assert shop.apply()
    for _ in range(2):
        planned = shop.run("plan", "--detailed-exitcode")
        assert planned.code == 0, planned.out
    assert shop.apply() == [], "what is right is left alone"
    state = shop.store.read()
    assert sorted(
        name.rpartition(".")[2] for name, each in state.domains.items() if each.running and each.autostart
    ) == [
        "bastion",
        "db",
        "web-1",
        "web-2",
    ]
    assert _disks(shop.store, DB) == [DATA]
    assert unfiltered(state) == []


def test_the_web_servers_wait_for_the_database(shop: Shop) -> None:
    shop.apply()
    shop.by_hand("slow", "db")
    shop.by_hand("stop", "web-1")
    shop.edit("db.yaml", "readiness: address", "readiness: address\n  readinessDeadline: 1s")
    shop.commit("Give the database less time")
    ran = shop.run("apply")
    assert ran.code == 1
    assert "Instance/shop/db is not ready (address): it has not taken its address yet" in ran.out
    assert not shop.store.read().domains[WEB_1].running
    shop.by_hand("slow", "db", "0")
    assert "start_domain " + WEB_1 in shop.apply()


def test_the_orders_survive_the_database_and_come_back_with_the_next(shop: Shop) -> None:
    shop.apply()
    with shop.store.changing() as state:
        admin.write(state, DATA, "ten thousand orders")
        shop.store.write(state)
    shop.git("rm", "--quiet", "db.yaml", "volumes.yaml")
    for name in ("web-1.yaml", "web-2.yaml"):
        shop.edit(name, "  dependsOn: [db]\n", "")
    shop.commit("Do without a database")
    shop.apply()
    state = shop.store.read()
    assert DB not in state.domains
    assert state.volumes[DATA].written == "ten thousand orders"
    planned = shop.plan()
    assert planned["changes"] == []
    assert [each["address"] for each in planned["retained"]] == [VOLUME], "what is kept is told"
    shop.git("revert", "--no-edit", "HEAD")
    assert not [call for call in shop.apply() if DATA in call], "the volume is taken back as it is"
    assert _disks(shop.store, DB) == [DATA]
    assert shop.store.read().volumes[DATA].written == "ten thousand orders"
    assert shop.plan()["changes"] == []


def test_the_database_grows_as_it_runs(shop: Shop) -> None:
    shop.apply()
    starts = shop.store.read().domains[DB].starts
    shop.edit("flavors.yaml", "roomy}\nspec: {vcpus: 1, memory: 96Mi", "roomy}\nspec: {vcpus: 2, memory: 160Mi")
    shop.edit("volumes.yaml", "size: 64Mi", "size: 96Mi")
    shop.commit("A good month")
    assert {call.split()[0] for call in shop.apply()} == {"define_domain", "set_vcpus", "set_memory", "resize_volume"}
    domain = shop.store.read().domains[DB]
    assert domain.running
    assert (domain.running.vcpus, domain.running.memory, domain.starts) == (2, 160 << 20, starts)
    assert shop.plan()["changes"] == []


class Reference(msgspec.Struct, frozen=True):
    """The shop as it is when nothing happens on the way, and the calls that made it so."""

    shop: Shop
    calls: tuple[str, ...]
    contents: dict[str, Any]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    calls = tuple(crash.told_apart(shop.apply()))
    return Reference(shop, calls, crash.contents(shop.store))


PORTIONS = 4
"""The calls are struck in portions, so that several workers can share them."""


@pytest.mark.parametrize("point", ["before", "after-effect"])
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_after_a_kill_at_any_call_the_next_run_ends_where_an_undisturbed_one_ends(
    reference: Reference, tmp_path: Path, point: str, portion: int
) -> None:
    calls = sorted(reference.calls)[portion::PORTIONS]
    assert calls
    assert len(set(reference.calls)) == len(reference.calls)
    for number, call in enumerate(some(calls, 2)):
        folder, output = tmp_path / str(number), tmp_path / f"{number}.txt"
        environment, store = crash.home(folder), crash.host(folder, FLEET_ID, "local")
        killed = run_command(("apply",), reference.shop.repo, environment | crash.fault(call, point, "kill"), output)
        assert killed == -9, f"{point} {call}: {output.read_text()}"
        assert unfiltered(store.read()) == []
        assert run_command(("apply",), reference.shop.repo, environment, output) == 0, output.read_text()
        assert crash.differences(crash.contents(store), reference.contents) == [], f"after a kill {point} {call}"
