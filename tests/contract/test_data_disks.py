"""Volumes come and go as an instance runs, each under a serial that stays."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.driver import DriverError
from reconciler.impact import Impact
from reconciler.objects import Wanted
from tests.support.contract import DATA, WEB, Bench, manifest
from tests.support.rig import Cut, Rig, Watch, shown

LOGS = "Volume/default/logs"
OTHER = "Instance/default/other"
DISK = ("volumes.data.volume", "volumes.data.serial", "volumes.data.readOnly")
VOLUMES = (manifest("Volume", "data", size="64Mi"), manifest("Volume", "logs", size="32Mi", format="raw"))


def _scene(rig: Rig, volumes: dict[str, Any], **web: Any) -> dict[str, Wanted]:
    return rig.scene(*VOLUMES, volumes=volumes, **web)


def _serial(rig: Rig, scene: dict[str, Wanted], volume: str) -> str:
    return rig.identity.serial(scene[volume].origin)


def test_an_instance_is_made_with_its_volumes(rig: Rig, bench: Bench) -> None:
    scene = _scene(rig, {"data": {}, "old": {"volume": "logs", "readOnly": True}})
    rig.make(wanted for address, wanted in scene.items() if address != WEB)
    created = rig.create(scene[WEB])
    assert shown(created, scene[WEB]) == scene[WEB].fields
    assert created.needs == scene[WEB].needs
    serials = [_serial(rig, scene, volume) for volume in (DATA, LOGS)]
    assert bench.serials(rig.name(WEB)) == sorted(serials)
    assert rig.create(scene[WEB]) == created


def test_a_volume_is_plugged_in_and_out_as_the_guest_runs(rig: Rig, bench: Bench) -> None:
    without, with_data = _scene(rig, {}), _scene(rig, {"data": {}})
    rig.make(without.values())
    bench.await_guest(rig.name(WEB))
    boot = bench.boot(rig.name(WEB))
    plugged = rig.update(with_data[WEB], paths=DISK)
    assert shown(plugged, with_data[WEB]) == with_data[WEB].fields
    assert plugged.running
    assert plugged.running["volumes.data.volume"] == DATA
    assert bench.serials(rig.name(WEB)) == [_serial(rig, with_data, DATA)]
    unplugged = rig.update(without[WEB], paths=DISK)
    assert not [path for form in (unplugged.stored, unplugged.running or {}) for path in form if path in DISK]
    assert bench.serials(rig.name(WEB)) == []
    assert bench.boot(rig.name(WEB)) == boot
    rig.update(with_data[WEB], paths=DISK)
    assert bench.serials(rig.name(WEB)) == [_serial(rig, with_data, DATA)], "under the same serial as before"


def test_another_volume_takes_the_place_of_a_disk(rig: Rig, bench: Bench) -> None:
    before, after = _scene(rig, {"data": {}}), _scene(rig, {"data": {"volume": "logs"}})
    rig.make(before.values())
    bench.await_guest(rig.name(WEB))
    boot = bench.boot(rig.name(WEB))
    assert shown(rig.update(after[WEB], paths=DISK), after[WEB]) == after[WEB].fields
    assert bench.serials(rig.name(WEB)) == [_serial(rig, after, LOGS)]
    assert bench.boot(rig.name(WEB)) == boot


def test_a_stopped_instance_takes_its_volumes_up_at_its_start(rig: Rig, bench: Bench) -> None:
    without = _scene(rig, {}, powerState="Stopped")
    rig.make(without.values())
    stopped, started = _scene(rig, {"data": {}}, powerState="Stopped"), _scene(rig, {"data": {}})
    assert shown(rig.update(stopped[WEB], Impact.NONE, paths=DISK), stopped[WEB]) == stopped[WEB].fields
    assert shown(rig.update(started[WEB], paths=("powerState",)), started[WEB]) == started[WEB].fields
    assert bench.serials(rig.name(WEB)) == [_serial(rig, started, DATA)]


def test_a_volume_that_is_not_there_is_not_plugged_in(rig: Rig, bench: Bench) -> None:
    without, with_data = _scene(rig, {}), _scene(rig, {"data": {}})
    rig.make(wanted for address, wanted in without.items() if address != DATA)
    with pytest.raises(DriverError):
        rig.update(with_data[WEB], paths=DISK)
    assert bench.serials(rig.name(WEB)) == []


def test_a_volume_serves_one_running_guest_at_a_time(rig: Rig, bench: Bench) -> None:
    """As when a volume is moved, and the guest that had it was not asked yet."""
    nics = {"lan": {"address": f"{bench.subnet()}.11"}}
    other = manifest("Instance", "other", flavor="small", image="tiny", networks=nics, volumes={"data": {}})
    rig.make(_scene(rig, {"data": {}}).values())
    moved = rig.scene(*VOLUMES, other)
    with pytest.raises(DriverError):
        rig.create(moved[OTHER])
    observed = rig.look(moved[OTHER])
    assert observed is None or observed.running is None


def test_a_plugging_that_was_cut_off_is_finished(rig: Rig, bench: Bench) -> None:
    without, with_data = _scene(rig, {})[WEB], _scene(rig, {"data": {}})[WEB]
    rig.make(_scene(rig, {}).values())
    bench.await_guest(rig.name(WEB))
    for before, after in ((without, with_data), (with_data, without)):
        whole = Watch()
        rig.update(after, paths=DISK, watch=whole)
        assert whole.calls
        for call in range(1, len(whole.calls) + 1):
            rig.update(before, paths=DISK)
            with pytest.raises(Cut):
                rig.update(after, paths=DISK, watch=Watch(cut=call))
            assert shown(rig.update(after, paths=DISK), after) == after.fields, f"cut off in front of call {call}"
    assert bench.serials(rig.name(WEB)) == []
