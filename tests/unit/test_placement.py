from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.observation import Failed, Snapshot
from reconciler.placement import Placement, placement
from reconciler.snapshots import Snapshots
from tests.support import fleet
from tests.support.fleet import web
from tests.support.world import World

LAN = Address("Network", "shop", "lan")
PAIR = ("kvm-01", "kvm-02")


def on_two_hosts(*more: fleet.Manifest, first: Any = None, second: Any = None, lan: Any = None) -> Desired:
    return fleet.desired(
        fleet.fleet(),
        fleet.host("kvm-01", **(first or {})),
        fleet.host("kvm-02", **(second or {})),
        fleet.flavor(),
        fleet.image(),
        fleet.network(**(lan or {})),
        *more,
    )


def at(host: str) -> dict[str, Any]:
    return {"placement": {"host": host}}


def placed(desired: Desired, world: World | None = None, **failed: str) -> Placement:
    shown = (world or World(hosts=PAIR)).snapshots(
        {name.replace("_", "-"): Failed(error=e) for name, e in failed.items()}
    )
    return placement(desired, Snapshots(shown))


def codes(found: Placement) -> list[str]:
    return [each.code for each in found.diagnostics]


def standing(desired: Desired) -> World:
    world = World(hosts=PAIR)
    return world.applied(world.plan(desired))


def test_the_only_active_host_takes_what_names_none() -> None:
    found = placed(on_two_hosts(fleet.instance(), second={"state": "Cordoned"}))
    assert found.hosts == {web(): "kvm-01", LAN: "kvm-01"}
    assert not found.diagnostics


def test_of_several_active_hosts_the_first_by_name_takes_what_names_none() -> None:
    found = placed(on_two_hosts(fleet.instance()))
    assert found.hosts == {web(): "kvm-01", LAN: "kvm-01"}
    assert codes(found) == []


def test_a_network_follows_its_first_instance_by_address() -> None:
    found = placed(on_two_hosts(fleet.instance("web-2", **at("kvm-02")), fleet.instance("web-1", **at("kvm-02"))))
    assert found.hosts[LAN] == "kvm-02"


def test_what_stands_somewhere_stays_when_a_host_is_added() -> None:
    world = standing(on_two_hosts(fleet.instance(), first={"state": "Cordoned"}))
    found = placed(on_two_hosts(fleet.instance()), world)
    assert found.hosts == {web(): "kvm-02", LAN: "kvm-02"}
    assert not found.diagnostics


def test_a_network_declared_elsewhere_stays_and_says_so() -> None:
    world = standing(on_two_hosts(fleet.instance(**at("kvm-01"))))
    found = placed(on_two_hosts(fleet.instance(**at("kvm-01")), lan={"host": "kvm-02"}), world)
    assert found.hosts[LAN] == "kvm-01"
    assert codes(found) == ["placement-differs"]


@pytest.mark.parametrize("state", ["Cordoned", "Maintenance"])
def test_a_host_that_is_not_active_keeps_what_it_has_and_takes_nothing_new(state: str) -> None:
    before = on_two_hosts(fleet.instance("web-1", **at("kvm-02")))
    both = [fleet.instance(name, **at("kvm-02")) for name in ("web-1", "web-2")]
    found = placed(on_two_hosts(*both, second={"state": state}), standing(before))
    assert found.hosts[web("web-1")] == "kvm-02"
    assert set(found.held) == {web("web-2")}
    assert codes(found) == ["host-closed"]


def test_what_stands_on_two_hosts_is_touched_on_neither() -> None:
    world = standing(on_two_hosts(fleet.instance(**at("kvm-01"))))
    first, second = world.snapshots()
    copies = tuple(_moved(each, "kvm-02") for each in first.objects if each.key.address == web())
    doubled = [first, Snapshot(host="kvm-02", facts=second.facts, objects=copies)]
    found = placement(on_two_hosts(fleet.instance(**at("kvm-01"))), Snapshots(doubled))
    assert codes(found) == ["seen-twice"]
    assert web() in found.held


def _moved(observed: Any, host: str) -> Any:
    import msgspec

    return msgspec.structs.replace(observed, key=msgspec.structs.replace(observed.key, host=host))


def test_a_new_instance_whose_networks_lie_on_different_hosts_fits_on_none() -> None:
    far = fleet.network("far", host="kvm-02", cidr="10.20.0.0/24")
    apart = fleet.instance(networks={"lan": {}, "far": {}}, **at("kvm-01"))
    found = placed(on_two_hosts(far, apart, lan={"host": "kvm-01"}))
    assert codes(found) == ["unplaced"]
    assert "kvm-01: Network/shop/far lies on kvm-02." in found.diagnostics[0].detail
    assert set(found.held) == {web()}


def test_an_instance_that_stands_is_left_as_it_is_when_it_is_to_join_a_network_of_another_host() -> None:
    far = fleet.network("far", host="kvm-02", cidr="10.20.0.0/24")
    world = standing(on_two_hosts(far, fleet.instance(**at("kvm-01"))))
    found = placed(on_two_hosts(far, fleet.instance(networks={"lan": {}, "far": {}}, **at("kvm-01"))), world)
    assert codes(found) == ["networks-apart"]
    assert found.held == {web(): "Network/shop/far lies on kvm-02"}


def test_a_new_instance_may_stand_on_any_host_that_was_not_seen() -> None:
    found = placed(on_two_hosts(fleet.instance(**at("kvm-01")), lan={"host": "kvm-01"}), kvm_02="down")
    assert found.unsure == {web(): ("kvm-02",)}


def test_an_undeclared_network_may_stand_on_an_unseen_host_and_holds_its_instances() -> None:
    found = placed(on_two_hosts(fleet.instance(**at("kvm-01"))), kvm_02="down")
    assert sorted(codes(found)) == ["maybe-elsewhere", "network-held"]
    assert set(found.held) == {web(), LAN}


def test_an_undeclared_instance_waits_on_its_networks_host_while_another_is_unseen() -> None:
    found = placed(on_two_hosts(fleet.instance(), lan={"host": "kvm-01"}), kvm_02="down")
    assert found.hosts[web()] == "kvm-01"
    assert found.unsure == {web(): ("kvm-02",)}


def test_a_network_that_nobody_uses_may_stay_without_a_host() -> None:
    found = placed(on_two_hosts())
    assert [each.severity for each in found.diagnostics] == ["warning"]
    assert set(found.held) == {LAN}


def test_what_may_stand_on_a_host_that_left_git_is_not_started_on_another() -> None:
    """Whoever removes a host's manifest has not stopped its guests."""
    desired = fleet.usual(fleet.instance())
    seen = Snapshots(World().snapshots())
    found = placement(desired, seen, undeclared=("kvm-old",))
    assert set(found.held) == {web(), LAN}
    assert sorted(codes(found)) == ["maybe-elsewhere", "network-held"]
    said = fleet.desired(
        *(fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image()), fleet.network(host="kvm-01"), fleet.instance()
    )
    assert placement(said, seen, undeclared=("kvm-old",)).unsure == {web(): ("kvm-old",)}
    assert placement(desired, seen).unsure == {}
