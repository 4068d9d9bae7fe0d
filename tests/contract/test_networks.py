"""Networks of every mode and both families, and instances that are joined to them."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.driver import DriverError
from reconciler.impact import Impact
from reconciler.objects import Wanted, texts
from tests.support.contract import LAN, SSH, WEB, Bench, manifest
from tests.support.rig import Rig, shown

PREFIX = "fd00:10:77"
BOTH = {"cidr6": f"{PREFIX}::/64"}
SHAPES: list[dict[str, Any]] = [
    {"mode": "routed"},
    {"mode": "isolated"},
    {"dhcp": False},
    {"dns": {"servers": ["192.0.2.53", "192.0.2.54"]}},
    {"dns": {}},
    BOTH,
    {**BOTH, "mode": "routed", "dns": {"domain": "shop.internal", "servers": ["2001:db8::53"]}},
    {**BOTH, "mode": "isolated"},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_of_any_shape_is_made_with_an_instance_in_it(rig: Rig, bench: Bench, shape: dict[str, Any]) -> None:
    before = bench.everything()
    scene = rig.scene(lan=shape)
    for wanted in scene.values():
        created = rig.create(wanted)
        assert shown(created, wanted) == wanted.fields
        assert created == rig.look(wanted)
    for wanted in reversed(scene.values()):
        rig.delete(wanted)
    assert bench.everything() == before


def _wire(rig: Rig, bench: Bench, **lan: Any) -> dict[str, Wanted]:
    return rig.scene(lan={"mode": "bridge", "physicalNetwork": bench.wire(), "dns": {}, **lan})


@pytest.mark.parametrize("lan", [{}, BOTH])
def test_an_instance_is_joined_to_a_wire(rig: Rig, bench: Bench, lan: dict[str, Any]) -> None:
    before = bench.everything()
    scene = _wire(rig, bench, **lan)
    for wanted in scene.values():
        assert shown(rig.create(wanted), wanted) == wanted.fields
    running = rig.look(scene[WEB])
    assert running
    assert running.running is not None
    assert bench.unfiltered() == []
    for wanted in reversed(scene.values()):
        rig.delete(wanted)
    assert bench.everything() == before


def test_an_instance_is_joined_to_a_vlan_or_the_host_says_that_its_kernel_has_none(rig: Rig, bench: Bench) -> None:
    before = bench.everything()
    scene = _wire(rig, bench, vlan=77)
    if not bench.vlans():
        with pytest.raises(DriverError, match="its kernel has no VLANs"):
            rig.create(scene[LAN])
        seen = rig.look(scene[LAN])
        assert seen
        assert seen.stored["active"] is False
        rig.delete(scene[LAN])
    else:
        for wanted in scene.values():
            assert shown(rig.create(wanted), wanted) == wanted.fields
        for wanted in reversed(scene.values()):
            rig.delete(wanted)
    assert bench.everything() == before


def test_a_wire_that_the_host_does_not_have_is_told(rig: Rig, bench: Bench) -> None:
    lan = _wire(rig, bench, physicalNetwork="nowhere")[LAN]
    with pytest.raises(DriverError, match="nowhere"):
        rig.create(lan)
    assert rig.look(lan) is None


def test_an_instance_of_both_families_is_filtered_in_both(rig: Rig, bench: Bench) -> None:
    nics = {"lan": {"address": f"{bench.subnet()}.10"}}
    scene = rig.scene(lan=BOTH, networks=nics)
    rig.make(scene.values())
    observed = rig.look(scene[WEB])
    assert observed
    assert observed.stored["nics.lan.address6"] == f"{PREFIX}::a"
    assert observed.stored["nics.lan.filter"] == "enforced"
    members = rig.seen(scene[SSH]).stored["members"]
    assert members == scene[SSH].fields["members"]
    assert set(texts(members)) == {f"{bench.subnet()}.10", f"{PREFIX}::a"}


def test_a_declared_ipv6_address_changes_with_a_restart(rig: Rig, bench: Bench) -> None:
    address = f"{bench.subnet()}.10"
    before = rig.scene(lan=BOTH, networks={"lan": {"address": address}})
    after = rig.scene(lan=BOTH, networks={"lan": {"address": address, "address6": f"{PREFIX}::1077"}})
    rig.make(before.values())
    updated = rig.update(after[WEB], Impact.RESTART, paths=("nics.lan.address6",))
    assert shown(updated, after[WEB]) == after[WEB].fields
    assert updated.running
    assert updated.running["nics.lan.address6"] == f"{PREFIX}::1077"
    assert bench.unfiltered() == []


def test_an_instance_has_nics_in_several_networks(rig: Rig, bench: Bench) -> None:
    back = manifest("Network", "back", cidr="10.78.0.0/24", mode="isolated", cidr6="fd00:10:78::/64")
    nics = {"lan": {"address": f"{bench.subnet()}.10", "primary": True}, "back": {"address": "10.78.0.10"}}
    scene = rig.scene(back, networks=nics)
    for wanted in scene.values():
        assert shown(rig.create(wanted), wanted) == wanted.fields
    assert bench.unfiltered() == []
