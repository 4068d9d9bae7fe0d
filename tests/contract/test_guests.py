"""What a guest has beside disks and NICs: room to grow, a start with its host, finer traits, secrets, readiness."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reconciler.address import Address
from reconciler.driver import DriverError
from reconciler.impact import Impact
from reconciler.objects import Wanted
from tests.support.contract import MIB, SECRET, WEB, Bench, manifest
from tests.support.rig import Rig, shown, with_fields

PATIENCE = 120.0
ROOMY = manifest("Flavor", "roomy", vcpus=1, memory="128Mi", disk="1Gi", maxVcpus=2, maxMemory="256Mi")
GROWN = manifest("Flavor", "grown", vcpus=2, memory="192Mi", disk="1Gi", maxVcpus=2, maxMemory="256Mi")
FINE = {"hw:cpu_sockets": 1, "hw:cpu_cores": 2, "hw:cpu_threads": 1, "quota:cpu_shares": 512, "hw_rng:allowed": True}
TRAITS = manifest("Flavor", "fine", vcpus=2, memory="128Mi", disk="1Gi", extraSpecs=FINE)


def _roomy(rig: Rig, flavor: str) -> dict[str, Wanted]:
    return rig.scene(ROOMY, GROWN, flavor=flavor)


def test_a_guest_grows_within_its_headroom_as_it_runs(rig: Rig, bench: Bench) -> None:
    rig.make(_roomy(rig, "roomy").values())
    bench.await_guest(rig.name(WEB))
    boot, grown = bench.boot(rig.name(WEB)), _roomy(rig, "grown")[WEB]
    updated = rig.update(grown, paths=("vcpus", "memory"))
    assert shown(updated, grown) == grown.fields
    assert updated.running
    assert (updated.running["vcpus"], updated.running["memory"]) == (2, 192 * MIB)
    assert bench.boot(rig.name(WEB)) == boot


def test_beyond_its_headroom_a_guest_grows_at_its_next_start(rig: Rig, bench: Bench) -> None:
    rig.make(_roomy(rig, "roomy").values())
    boot, larger = bench.boot(rig.name(WEB)), with_fields(_roomy(rig, "grown")[WEB], memory__max=512 * MIB)
    larger = with_fields(larger, memory=512 * MIB)
    waiting = rig.update(larger, Impact.LIVE)
    assert waiting.running
    assert (waiting.stored["memory"], waiting.running["memory"]) == (512 * MIB, 128 * MIB)
    assert bench.boot(rig.name(WEB)) == boot
    restarted = rig.update(larger, Impact.RESTART)
    assert restarted.running
    assert restarted.running["memory"] == 512 * MIB


def test_finer_traits_are_taken_up_and_given_up_at_a_cold_start(rig: Rig) -> None:
    fine = rig.scene(TRAITS, flavor="fine")
    rig.make(wanted for address, wanted in fine.items() if address != WEB)
    assert shown(rig.create(fine[WEB]), fine[WEB]) == fine[WEB].fields
    plain = rig.scene()[WEB]
    dropped = tuple(path for path in fine[WEB].fields if path.startswith("extra."))
    assert len(dropped) == len(FINE)
    updated = rig.update(plain, Impact.RESTART, paths=(*dropped, "vcpus"))
    assert shown(updated, plain) == plain.fields
    assert {updated.stored.get(path) for path in dropped} == {None}
    assert {(updated.running or {}).get(path) for path in dropped} == {None}


def test_a_guest_starts_with_its_host_when_that_is_asked_for(rig: Rig, bench: Bench) -> None:
    started = rig.scene(autostart=True)
    rig.make(started.values())
    boot = bench.boot(rig.name(WEB))
    assert rig.seen(started[WEB]).stored["autostart"] is True
    asked = rig.scene(autostart=False)[WEB]
    assert shown(rig.update(asked, paths=("autostart",)), asked) == asked.fields
    rig.update(started[WEB], paths=("autostart",))
    plain = rig.update(rig.scene()[WEB], paths=("autostart",))
    assert not plain.stored.get("autostart"), "what is not declared any more is as if it had never been"
    assert "autostart" not in plain.owned
    assert bench.boot(rig.name(WEB)) == boot


def test_a_guest_is_told_a_secret_that_is_kept_nowhere_else(rig: Rig, bench: Bench) -> None:
    told = rig.scene(userDataFrom={"secretRef": "motd"})
    rig.make(told.values())
    observed = rig.look(told[WEB])
    assert observed
    assert observed.stored["seed.userData"] == "secret:motd"
    assert shown(observed, told[WEB]) == told[WEB].fields
    assert SECRET not in repr([rig.snapshot(), rig.driver.survey(), bench.everything(), rig.watch.calls])


def test_without_its_secret_a_guest_is_not_made(rig: Rig) -> None:
    told = rig.scene(userDataFrom={"secretRef": "lost"})
    rig.make(wanted for address, wanted in told.items() if address != WEB)
    with pytest.raises(DriverError, match="lost"):
        rig.create(told[WEB])
    observed = rig.look(told[WEB])
    assert observed is None or observed.running is None


def test_a_guest_whose_new_secret_cannot_be_had_goes_on_as_it_is(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene().values())
    boot, before = bench.boot(rig.name(WEB)), rig.look(rig.scene()[WEB])
    larger = rig.scene(GROWN, flavor="grown", userDataFrom={"secretRef": "lost"})[WEB]
    for impact in (Impact.RESTART, Impact.REBUILD):
        with pytest.raises(DriverError, match="lost"):
            rig.update(larger, impact)
        assert rig.look(rig.scene()[WEB]) == before
        assert bench.boot(rig.name(WEB)) == boot


def _becomes_ready(rig: Rig, check: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while (missing := rig.driver.ready(Address.parse(WEB), check)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return missing


def test_a_guest_that_runs_becomes_ready(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene().values())
    before = bench.everything()
    for check in ("running", "address", "tcp:22"):
        assert _becomes_ready(rig, check) == "", check
    assert bench.everything() == before, "looking changes nothing"


def test_a_port_that_no_group_lets_in_is_not_ready(rig: Rig) -> None:
    rig.make(rig.scene().values())
    assert "8080" in rig.driver.ready(Address.parse(WEB), "tcp:8080")


@pytest.mark.parametrize("made", [True, False])
def test_a_guest_that_does_not_run_never_becomes_ready(rig: Rig, made: bool) -> None:
    scene: dict[str, Any] = rig.scene(powerState="Stopped")
    rig.make(wanted for address, wanted in scene.items() if made or address != WEB)
    with pytest.raises(DriverError, match=WEB):
        rig.driver.ready(Address.parse(WEB), "running")
