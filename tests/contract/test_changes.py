"""Changes go as far as their impact allows and no further; what is right is left alone, and data stays."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.objects import digest
from tests.support.contract import LAN, MIB, SSH, WEB, Bench
from tests.support.rig import Rig, shown, with_fields


def test_an_instance_is_stopped_and_started(rig: Rig) -> None:
    scene = rig.scene(powerState="Stopped")
    rig.make(scene.values())
    assert rig.seen(scene[WEB]).running is None
    running = with_fields(scene[WEB], powerState="Running")
    started = rig.update(running, paths=("powerState",))
    assert started.running is not None
    assert shown(started, running) == running.fields
    stopped = rig.update(scene[WEB], paths=("powerState",))
    assert stopped.running is None
    assert shown(stopped, scene[WEB]) == scene[WEB].fields


def test_an_instance_that_somebody_stopped_is_started_again(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.stop_guest(rig.name(WEB))
    observed = rig.look(scene[WEB])
    assert observed
    assert (observed.stored["powerState"], observed.running) == ("Stopped", None)
    assert shown(rig.update(scene[WEB]), scene[WEB]) == scene[WEB].fields


def test_a_network_that_somebody_stopped_is_started_again(rig: Rig, bench: Bench) -> None:
    lan = rig.scene()[LAN]
    rig.create(lan)
    bench.stop_network(rig.name(LAN))
    stopped = rig.look(lan)
    assert stopped
    assert (stopped.stored["active"], stopped.running) == (False, None)
    assert shown(rig.update(lan), lan) == lan.fields


def test_the_stored_form_can_differ_from_the_running_one(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.set_stored_memory(rig.name(WEB), 256 * MIB)
    observed = rig.look(scene[WEB])
    assert observed
    assert observed.running is not None
    assert (observed.stored["memory"], observed.running["memory"]) == (256 * MIB, 128 * MIB)


def test_a_redefinition_does_not_restart_what_runs_as_wanted(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    bench.set_stored_memory(rig.name(WEB), 256 * MIB)
    assert shown(rig.update(scene[WEB], Impact.NONE), scene[WEB]) == scene[WEB].fields
    assert bench.boot(rig.name(WEB)) == boot


def test_a_restart_brings_a_new_size_and_keeps_the_data(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    bench.write(rig.name(WEB, "root"), "precious")
    large = rig.scene(flavor="large")[WEB]
    restarted = rig.update(large, Impact.RESTART)
    assert shown(restarted, large) == large.fields
    assert restarted.running is not None
    assert (restarted.running["vcpus"], restarted.running["memory"]) == (2, 256 * MIB)
    assert bench.boot(rig.name(WEB)) != boot
    assert bench.written(rig.name(WEB, "root")) == "precious"


def test_without_leave_to_restart_the_new_size_waits_for_the_next_start(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    updated = rig.update(with_fields(scene[WEB], vcpus=2), Impact.LIVE)
    assert updated.running is not None
    assert (updated.stored["vcpus"], updated.running["vcpus"]) == (2, 1)
    assert bench.boot(rig.name(WEB)) == boot


def test_a_rebuild_makes_the_root_disk_anew_and_keeps_the_identity(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    before = rig.look(scene[WEB])
    assert before
    bench.write(rig.name(WEB, "root"), "of the old system")
    rebuilt_scene = rig.scene(image="other", userData="#cloud-config\n")
    rig.make(each for each in rebuilt_scene.values() if each.key.address.kind == "Image")
    rebuilt = rig.update(rebuilt_scene[WEB], Impact.REBUILD)
    assert shown(rebuilt, rebuilt_scene[WEB]) == rebuilt_scene[WEB].fields
    assert rebuilt.uid == before.uid
    assert rebuilt.stored["nics.lan.mac"] == before.stored["nics.lan.mac"]
    assert bench.written(rig.name(WEB, "root")) == ""


def test_new_user_data_is_for_a_new_root_disk(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.write(rig.name(WEB, "root"), "of the old system")
    told = rig.scene(userData="#cloud-config\n")[WEB]
    assert shown(rig.update(told, Impact.REBUILD), told) == told.fields
    assert bench.written(rig.name(WEB, "root")) == ""


def test_without_leave_to_rebuild_the_disk_and_the_seed_stay(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.write(rig.name(WEB, "root"), "precious")
    payload = rig.scene(userData="#cloud-config\n")[WEB].payload
    waiting = replace(with_fields(scene[WEB], vcpus=2), payload=payload)
    updated = rig.update(waiting, Impact.RESTART, paths=("vcpus",), waiting=("seed.userData",))
    assert shown(updated, waiting) == waiting.fields
    assert updated.stored["seed.userData"] is None, "what waits must go on showing as different"
    assert bench.written(rig.name(WEB, "root")) == "precious"


def test_drift_that_waits_for_consent_is_not_taken_for_ours(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.set_stored_memory(rig.name(WEB), 256 * MIB)
    told = with_fields(scene[WEB], memory=256 * MIB, nics__lan__securityGroups=())
    updated = rig.update(told, paths=("nics.lan.securityGroups",), waiting=("memory",))
    assert updated.stored["memory"] == 256 * MIB
    assert updated.owned["memory"] == digest(128 * MIB), "what was last applied, not what somebody made of it"
    assert updated.owned["nics.lan.securityGroups"] == digest(())


def test_a_disk_grows_as_the_guest_runs(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    grown = with_fields(scene[WEB], disk__size=2048 * MIB)
    assert shown(rig.update(grown, paths=("disk.size",)), grown) == grown.fields
    assert bench.boot(rig.name(WEB)) == boot


def test_a_disk_never_shrinks(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.write(rig.name(WEB, "root"), "precious")
    with pytest.raises(DriverError, match="shrink"):
        rig.update(with_fields(scene[WEB], disk__size=512 * MIB), Impact.RESTART)
    assert bench.written(rig.name(WEB, "root")) == "precious"
    assert shown(rig.look(scene[WEB]), scene[WEB])["disk.size"] == 1024 * MIB


def test_a_lost_root_disk_is_seen_and_made_anew_with_consent(rig: Rig, bench: Bench) -> None:
    scene = rig.scene(powerState="Stopped")
    rig.make(scene.values())
    bench.lose_volume(rig.name(WEB, "root"))
    observed = rig.look(scene[WEB])
    assert observed
    assert observed.stored.get("image") is None
    assert observed.stored.get("disk.size") is None
    assert shown(rig.update(scene[WEB], Impact.REBUILD), scene[WEB]) == scene[WEB].fields


def test_a_lost_root_disk_of_a_running_guest_waits_and_holds_up_nothing_else(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    bench.lose_volume(rig.name(WEB, "root"))
    fields = {path: value for path, value in scene[WEB].fields.items() if path not in ("image", "disk.size")}
    told = with_fields(replace(scene[WEB], fields=fields), nics__lan__securityGroups=())
    updated = rig.update(told, paths=("nics.lan.securityGroups",))
    assert shown(updated, told) == told.fields
    assert updated.stored.get("image") is None
    assert bench.boot(rig.name(WEB)) == boot


def test_a_lost_seed_of_a_running_guest_is_written_again_and_costs_it_nothing(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    bench.write(rig.name(WEB, "root"), "precious")
    bench.lose_volume(rig.name(WEB, "seed"))
    observed = rig.look(scene[WEB])
    assert observed
    assert "seed.keys" not in observed.stored
    assert shown(rig.update(scene[WEB], Impact.LIVE), scene[WEB]) == scene[WEB].fields
    assert bench.boot(rig.name(WEB)) == boot
    assert bench.written(rig.name(WEB, "root")) == "precious"


def test_an_object_that_moved_since_the_plan_is_left_alone(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    planned_on = rig.look(scene[WEB])
    assert planned_on
    bench.set_stored_memory(rig.name(WEB), 256 * MIB)
    before = bench.everything()
    with pytest.raises(DriverError) as refusal:
        rig.update(with_fields(scene[WEB], vcpus=2), Impact.RESTART, expect=planned_on.digest())
    assert refusal.value.error_class is ErrorClass.RACE
    assert bench.everything() == before


def test_an_update_that_finds_what_it_would_make_is_done(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    bench.stop_guest(rig.name(WEB))
    planned_on = rig.look(scene[WEB])
    assert planned_on
    rig.update(scene[WEB], expect=planned_on.digest())
    before = bench.everything()
    again = rig.update(scene[WEB], expect=planned_on.digest())
    assert shown(again, scene[WEB]) == scene[WEB].fields
    assert bench.everything() == before


def test_a_nic_that_is_no_longer_wanted_goes(rig: Rig, bench: Bench) -> None:
    fixed = {"address": f"{bench.subnet()}.10"}
    before = rig.scene(networks={"lan": fixed, "spare": {"network": "lan", "address": f"{bench.subnet()}.11"}})
    rig.make(before.values())
    after = rig.scene(networks={"lan": fixed})
    gone = tuple(path for path in before[WEB].fields if path.startswith("nics.spare."))
    updated = rig.update(after[WEB], Impact.RESTART, paths=gone)
    assert shown(updated, after[WEB]) == after[WEB].fields
    assert not [path for form in (updated.stored, updated.running or {}) for path in form if path in gone]


def test_a_create_that_finds_another_object_is_a_race(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    before = bench.everything()
    with pytest.raises(DriverError) as refusal:
        rig.create(rig.scene(ports=8080)[SSH])
    assert refusal.value.error_class is ErrorClass.RACE
    assert bench.everything() == before


def test_an_update_of_what_is_gone_is_a_race(rig: Rig) -> None:
    with pytest.raises(DriverError) as refusal:
        rig.update(rig.scene()[LAN], expect="0123456789abcdef")
    assert refusal.value.error_class is ErrorClass.RACE
    assert rig.snapshot().objects == ()


def test_a_renamed_instance_keeps_its_identity(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    before = rig.look(scene[WEB])
    assert before
    boot = bench.boot(rig.name(WEB))
    key = ObjectKey(bench.config.name, Address.parse("Instance/default/shop"))
    renamed = rig.update(replace(scene[WEB], key=key), Impact.NONE, paths=("address",))
    assert (renamed.key, renamed.origin, renamed.uid) == (key, scene[WEB].origin, before.uid)
    assert bench.boot(rig.name(WEB)) == boot


def test_guards_are_written_and_lifted_without_a_restart(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    guarded = replace(scene[WEB], guards=("protected",))
    assert rig.update(guarded, Impact.NONE, paths=("guards",)).guards == ("protected",)
    assert rig.update(scene[WEB], Impact.NONE, paths=("guards",)).guards == ()
    assert bench.boot(rig.name(WEB)) == boot
