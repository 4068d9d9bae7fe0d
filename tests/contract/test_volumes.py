"""Volumes are made whole or not at all, grow and never shrink, and outlive the instances that have them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.objects import Wanted
from tests.support.contract import DATA, MIB, TINY, WEB, Bench, manifest
from tests.support.rig import Cut, Rig, Watch, shown, with_fields

SIZE = 64 * MIB
FILE = "data.qcow2"


def _data(**spec: Any) -> str:
    return manifest("Volume", "data", **{"size": "64Mi", "deletionPolicy": "Delete", **spec})


def _volume(rig: Rig, **spec: Any) -> Wanted:
    return rig.scene(_data(**spec))[DATA]


def _with_web(rig: Rig, **spec: Any) -> dict[str, Wanted]:
    """The scene, with the volume as a disk of `web`."""
    return rig.scene(_data(**spec), volumes={"data": {}})


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_a_blank_volume_reads_back_as_it_was_wanted(rig: Rig, form: str) -> None:
    volume = _volume(rig, format=form)
    created = rig.create(volume)
    assert shown(created, volume) == volume.fields == {"size": SIZE, "format": form}
    assert (created.key, created.origin, created.guards) == (volume.key, volume.origin, ("deletable",))
    assert not created.incomplete
    assert created == rig.look(volume)


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_a_volume_from_an_image_needs_the_image_no_more_once_it_stands(rig: Rig, form: str) -> None:
    scene = rig.scene(_data(format=form, image="tiny", size="1Gi"))
    rig.create(scene[TINY])
    created = rig.create(scene[DATA])
    assert shown(created, scene[DATA]) == scene[DATA].fields
    assert created.stored["image"] == scene[DATA].fields["image"]
    rig.delete(scene[TINY])
    assert rig.look(scene[DATA]) == replace(created, needs=())


def test_a_volume_whose_image_is_not_there_is_not_made(rig: Rig) -> None:
    volume = _volume(rig, image="tiny", size="1Gi")
    with pytest.raises(DriverError, match="image"):
        rig.create(volume)
    left = rig.look(volume)
    assert left is None or left.incomplete


def test_a_volume_lies_in_the_pool_that_is_named(rig: Rig, bench: Bench) -> None:
    before = bench.everything()
    volume = _volume(rig, pool=bench.pool())
    created = rig.create(volume)
    assert created.stored["pool"] == bench.pool()
    assert shown(created, volume) == volume.fields
    rig.delete(volume)
    assert bench.everything() == before


def test_a_pool_that_the_host_does_not_have_is_told(rig: Rig) -> None:
    volume = _volume(rig, pool="nowhere")
    with pytest.raises(DriverError, match="nowhere"):
        rig.create(volume)
    left = rig.look(volume)
    assert left is None or left.incomplete


def test_a_volume_that_stands_is_left_alone(rig: Rig) -> None:
    volume = _volume(rig)
    rig.create(volume)
    for commit in ("c0ffee", "decade"):
        watch = Watch()
        rig.create(volume, watch, commit)
        rig.update(volume, watch=watch, commit=commit)
        assert watch.calls == []


def test_guards_are_marks_that_come_and_go(rig: Rig, bench: Bench) -> None:
    volume = _volume(rig, deletionPolicy="Retain")
    assert rig.create(volume).guards == ()
    before = bench.everything()
    for guards in (("deletable",), ("deletable", "protected"), ("protected",)):
        guarded = replace(volume, guards=guards)
        assert rig.update(guarded, Impact.NONE, paths=("guards",)).guards == guards
    assert rig.update(volume, Impact.NONE, paths=("guards",)).guards == ()
    assert bench.everything() == before


def test_a_volume_that_nobody_has_grows(rig: Rig) -> None:
    volume = _volume(rig)
    rig.create(volume)
    grown = with_fields(volume, size=2 * SIZE)
    assert shown(rig.update(grown, paths=("size",)), grown) == grown.fields


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_a_volume_grows_as_its_guest_runs(rig: Rig, bench: Bench, form: str) -> None:
    scene = _with_web(rig, format=form)
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    grown = with_fields(scene[DATA], size=2 * SIZE)
    assert shown(rig.update(grown, paths=("size",)), grown) == grown.fields
    assert bench.boot(rig.name(WEB)) == boot


def test_a_volume_never_shrinks(rig: Rig, bench: Bench) -> None:
    volume = _volume(rig)
    rig.create(volume)
    bench.write(rig.name(DATA, FILE), "precious")
    with pytest.raises(DriverError, match="shrink"):
        rig.update(with_fields(volume, size=SIZE // 2), Impact.RESTART)
    assert rig.seen(volume).stored["size"] == SIZE
    assert bench.written(rig.name(DATA, FILE)) == "precious"


def test_the_data_survives_its_instance_and_comes_back_with_the_next(rig: Rig, bench: Bench) -> None:
    scene = _with_web(rig, deletionPolicy="Retain")
    rig.make(scene.values())
    bench.write(rig.name(DATA, FILE), "precious")
    rig.delete(scene[WEB])
    assert shown(rig.look(scene[DATA]), scene[DATA]) == scene[DATA].fields
    watch = Watch()
    rig.create(scene[DATA], watch)
    assert watch.calls == [], "it is taken back as it is"
    assert shown(rig.create(scene[WEB]), scene[WEB]) == scene[WEB].fields
    assert bench.written(rig.name(DATA, FILE)) == "precious"


@pytest.mark.parametrize("power", ["Running", "Stopped"])
def test_a_volume_that_an_instance_has_is_not_deleted(rig: Rig, bench: Bench, power: str) -> None:
    scene = rig.scene(_data(), volumes={"data": {}}, powerState=power)
    rig.make(scene.values())
    before = bench.everything()
    with pytest.raises(DriverError, match="in use"):
        rig.delete(scene[DATA])
    assert bench.everything() == before


def test_a_foreign_namesake_of_a_volume_is_reported_and_left_alone(rig: Rig, bench: Bench) -> None:
    scene = _with_web(rig)
    rig.make(wanted for address, wanted in scene.items() if address not in (WEB, DATA))
    bench.plant("volume", rig.name(DATA, FILE), "")
    before = bench.everything()
    (reported,) = [foreign for foreign in rig.snapshot().foreign if foreign.what == "volume"]
    assert (reported.name, reported.claims) == (rig.name(DATA, FILE), scene[DATA].key)
    assert rig.look(scene[DATA]) is None
    for address in (DATA, WEB):
        with pytest.raises(DriverError) as refusal:
            rig.create(scene[address])
        assert refusal.value.error_class is ErrorClass.EXISTS
    assert bench.everything() == before


def test_data_that_was_lost_is_seen_and_made_anew_with_consent_only(rig: Rig, bench: Bench) -> None:
    volume = _volume(rig)
    rig.create(volume)
    bench.lose_volume(rig.name(DATA, FILE))
    lost = rig.look(volume)
    assert lost
    assert ("size" in lost.stored, lost.incomplete) == (False, False), "an empty disk must not pass for its data"
    with pytest.raises(DriverError, match="gone"):
        rig.update(volume, Impact.LIVE)
    assert shown(rig.update(volume, Impact.REBUILD), volume) == volume.fields


KINDS_OF_VOLUMES = [{}, {"format": "raw"}, {"image": "tiny", "size": "1Gi"}]


def _calls(rig: Rig, volume: Wanted) -> tuple[int, int]:
    create, delete = Watch(), Watch()
    rig.create(volume, create)
    rig.delete(volume, delete)
    return len(create.calls), len(delete.calls)


@pytest.mark.parametrize("spec", KINDS_OF_VOLUMES)
def test_a_volume_that_was_cut_off_is_incomplete_and_is_finished_or_goes(
    rig: Rig, bench: Bench, spec: dict[str, Any]
) -> None:
    scene = rig.scene(_data(**spec))
    rig.create(scene[TINY])
    volume, before = scene[DATA], bench.everything()
    creating, _ = _calls(rig, volume)
    for call, finish in [(call, finish) for call in range(1, creating + 1) for finish in (True, False)]:
        with pytest.raises(Cut):
            rig.create(volume, Watch(cut=call))
        left = rig.look(volume)
        assert left is None or left.incomplete, f"cut off in front of call {call}"
        if finish:
            assert shown(rig.create(volume), volume) == volume.fields
        rig.delete(volume)
        assert bench.everything() == before, f"cut off in front of call {call}"


def test_a_deletion_of_a_volume_that_was_cut_off_is_finished(rig: Rig, bench: Bench) -> None:
    volume, before = _volume(rig, protected=True), bench.everything()
    _, deleting = _calls(rig, volume)
    assert deleting > 1
    for call in range(1, deleting + 1):
        rig.create(volume)
        with pytest.raises(Cut):
            rig.delete(volume, Watch(cut=call))
        left = rig.look(volume)
        may_go = left is None or left.incomplete or "deletable" in left.guards
        assert may_go, "what is half deleted may be deleted"
        rig.delete(volume)
        assert bench.everything() == before, f"cut off in front of call {call}"
