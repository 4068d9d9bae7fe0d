"""What is not ours is never touched, whatever it is called, and the clash is told (T24, T43)."""

from __future__ import annotations

from typing import get_args

import pytest

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.observation import Foreign
from tests.support.contract import LAN, SSH, WEB, Bench, Damage, Thing
from tests.support.rig import Rig

STRANGER = "b7e3a0de-52a1-4a3c-9f61-0e8f2d1c4b5a"


def _foreign(rig: Rig, name: str) -> list[Foreign]:
    return [foreign for foreign in rig.snapshot().foreign if foreign.name == name]


NAMESAKES: list[tuple[Thing, str, str]] = [("domain", WEB, ""), ("network", LAN, ""), ("volume", WEB, "root")]


@pytest.mark.parametrize(("thing", "address", "part"), NAMESAKES)
def test_a_namesake_is_reported_and_left_alone(rig: Rig, bench: Bench, thing: Thing, address: str, part: str) -> None:
    scene = rig.scene()
    rig.make(wanted for key, wanted in scene.items() if key not in (WEB, address))
    bench.plant(thing, rig.name(address, part), STRANGER)
    before = bench.everything()
    (reported,) = _foreign(rig, rig.name(address, part))
    assert (reported.what, reported.claims) == (thing, scene[address].key)
    assert reported.reason
    assert rig.look(scene[address]) is None
    with pytest.raises(DriverError) as refusal:
        rig.create(scene[address])
    assert refusal.value.error_class is ErrorClass.EXISTS
    assert bench.everything() == before


def test_nothing_is_built_on_a_foreign_network(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(wanted for key, wanted in scene.items() if key not in (WEB, LAN))
    bench.plant("network", rig.name(LAN), STRANGER)
    before = bench.everything()
    with pytest.raises(DriverError):
        rig.create(scene[WEB])
    assert bench.everything() == before


def test_a_foreign_filter_table_of_our_name_is_left_alone_and_nothing_is_filtered_by_it(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(wanted for key, wanted in scene.items() if key not in (WEB, SSH, "SecurityGroup/default/default"))
    bench.plant("table", bench.table(), STRANGER)
    before = bench.everything()
    snapshot = rig.snapshot()
    assert [foreign.what for foreign in snapshot.foreign] == ["table"]
    assert snapshot.facts
    assert (snapshot.facts.enforcement, bool(snapshot.facts.enforcement_reason)) == ("", True)
    for address in (SSH, WEB):
        with pytest.raises(DriverError):
            rig.create(scene[address])
    assert bench.everything() == before


@pytest.mark.parametrize(("thing", "address"), [("domain", WEB), ("network", LAN)])
def test_our_uuid_under_another_name_is_left_alone(rig: Rig, bench: Bench, thing: Thing, address: str) -> None:
    scene = rig.scene()
    rig.make(wanted for key, wanted in scene.items() if key not in (WEB, address))
    bench.plant(thing, "somebody-elses", rig.identity.uuid(Address.parse(address)))
    with pytest.raises(DriverError) as refusal:
        rig.create(scene[address])
    assert refusal.value.error_class is ErrorClass.EXISTS
    assert "somebody-elses" in str(refusal.value)
    observed = rig.look(scene[address])
    assert observed is None or observed.incomplete


@pytest.mark.parametrize("damage", get_args(Damage))
@pytest.mark.parametrize("address", [WEB, LAN])
def test_an_object_whose_metadata_is_not_ours_is_not_ours(rig: Rig, bench: Bench, address: str, damage: Damage) -> None:
    scene = rig.scene()
    rig.make(wanted for key, wanted in scene.items() if key == address or address == WEB)
    wanted = scene[address]
    bench.damage(rig.name(address), damage)
    before = bench.everything()
    (reported,) = _foreign(rig, rig.name(address))
    assert reported.claims == wanted.key
    assert rig.look(wanted) is None
    for change in (lambda: rig.delete(wanted), lambda: rig.create(wanted), lambda: rig.update(wanted, Impact.REPLACE)):
        with pytest.raises(DriverError):
            change()
    assert bench.everything() == before
