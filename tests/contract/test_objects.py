"""Objects are made, read back, left alone when they are right, and removed without a trace."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from reconciler.driver import DriverError
from reconciler.observation import Complete
from tests.support.contract import LAN, TINY, WEB, Bench
from tests.support.rig import Rig, Watch, shown, with_fields


def test_a_clean_host_is_seen_completely_and_has_nothing_of_ours(rig: Rig) -> None:
    snapshot = rig.snapshot()
    assert snapshot.status == Complete()
    assert (snapshot.objects, snapshot.foreign) == ((), ())


def test_a_host_says_what_it_can_do(rig: Rig) -> None:
    facts = rig.snapshot().facts
    assert facts is not None
    assert facts.driver == rig.bench.driver.name
    assert facts.virt_types
    assert facts.enforcement, facts.enforcement_reason
    assert min(facts.vcpus, facts.memory, facts.disk) > 0


def test_what_is_created_reads_back_as_it_was_wanted(rig: Rig) -> None:
    for wanted in rig.scene().values():
        created = rig.create(wanted)
        assert shown(created, wanted) == wanted.fields
        assert (created.key, created.origin, created.needs) == (wanted.key, wanted.origin, wanted.needs)
        assert not created.incomplete
        assert created == rig.look(wanted), "what apply gives back is what the next run sees"


def test_a_running_instance_shows_the_same_in_both_of_its_forms(rig: Rig) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    observed = rig.look(scene[WEB])
    assert observed
    assert observed.running is not None
    stored = {path: value for path, value in observed.stored.items() if path != "powerState"}
    assert dict(observed.running) == stored


def test_observing_changes_nothing(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene().values())
    before = bench.everything()
    first, second = rig.snapshot(), rig.snapshot()
    assert first == second
    assert bench.everything() == before


def test_creating_what_stands_makes_no_call(rig: Rig) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    assert rig.watch.calls, "the first time there was something to do"
    for wanted in scene.values():
        watch = Watch()
        assert rig.create(wanted, watch) == rig.look(wanted)
        assert watch.calls == []


def test_updating_what_is_right_makes_no_call_even_for_another_commit(rig: Rig) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    for wanted in scene.values():
        watch = Watch()
        rig.update(wanted, watch=watch, commit="decade")
        assert watch.calls == []


def test_what_is_deleted_leaves_no_trace(rig: Rig, bench: Bench) -> None:
    before = bench.everything()
    scene = rig.scene()
    rig.make(scene.values())
    for wanted in reversed(scene.values()):
        rig.delete(wanted)
        assert rig.look(wanted) is None
    assert bench.everything() == before


def test_deleting_what_is_gone_succeeds_without_a_call(rig: Rig) -> None:
    for wanted in rig.scene().values():
        rig.delete(wanted)
    assert rig.watch.calls == []


def test_ownership_is_written_on_instances_and_networks(rig: Rig) -> None:
    scene = rig.scene(protected=True)
    rig.make(scene.values())
    for address in (WEB, LAN):
        observed = rig.look(scene[address])
        assert observed
        assert observed.uid == rig.identity.uuid(scene[address].origin)
        assert observed.commit == "c0ffee"
        assert observed.owned.keys() == scene[address].fields.keys()
    assert rig.seen(scene[WEB]).guards == ("protected",)


def test_an_image_that_is_not_of_its_declared_format_is_refused(rig: Rig) -> None:
    tiny = rig.scene()[TINY]
    (other,) = {"raw", "qcow2"} - {tiny.fields["format"]}
    with pytest.raises(DriverError, match=f"declared as {other}"):
        rig.create(with_fields(tiny, format=other))
    left = rig.look(tiny)
    assert left is None or left.incomplete


def test_an_image_of_another_digest_is_refused(rig: Rig) -> None:
    tiny = rig.scene()[TINY]
    payload = {**tiny.payload, "disk.sha256": "0" * 64}
    with pytest.raises(DriverError, match="0000"):
        rig.create(replace(tiny, payload=payload))
    left = rig.look(tiny)
    assert left is None or left.incomplete


def test_an_image_in_use_is_not_deleted(rig: Rig) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    with pytest.raises(DriverError, match="in use"):
        rig.delete(scene[TINY])
    assert shown(rig.look(scene[TINY]), scene[TINY]) == scene[TINY].fields
