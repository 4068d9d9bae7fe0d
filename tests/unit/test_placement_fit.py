"""Which host takes something new, by room and by what hosts are; and why the others do not."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.observation import Failed
from reconciler.placement import Placement, placement
from reconciler.snapshots import Snapshots
from tests.support import fleet
from tests.support.fleet import Manifest, web
from tests.support.world import World, facts_of

GIB = 1 << 30
DATA = Address("Volume", "shop", "data")
WIRED: Manifest = {"networks": {"wire": {}}}


def of(*more: Manifest, first: Any = None, second: Any = None, image: Any = None) -> Desired:
    """Two hosts, and a network that is on both."""
    return fleet.desired(
        fleet.fleet(),
        fleet.host("kvm-01", **(first or {})),
        fleet.host("kvm-02", **(second or {})),
        fleet.flavor(),
        fleet.flavor("large", vcpus=2, memory="4Gi", disk="40Gi"),
        fleet.image(**(image or {})),
        fleet.network("wire", mode="bridge", physicalNetwork="wire"),
        *more,
    )


def hosts(first: Any = None, second: Any = None) -> World:
    facts = {"kvm-01": facts_of("kvm-01", **(first or {})), "kvm-02": facts_of("kvm-02", **(second or {}))}
    return World(hosts=("kvm-01", "kvm-02"), facts=facts)


def placed(desired: Desired, world: World | None = None, **failed: str) -> Placement:
    statuses = {name.replace("_", "-"): Failed(error=why) for name, why in failed.items()}
    return placement(desired, Snapshots((world or hosts()).snapshots(statuses)))


def standing(desired: Desired, world: World | None = None) -> World:
    world = world or hosts()
    return world.applied(world.plan(desired))


def codes(found: Placement) -> list[str]:
    return [each.code for each in found.diagnostics]


def why(found: Placement) -> str:
    (diagnostic,) = found.diagnostics
    return diagnostic.detail


@pytest.mark.parametrize(
    ("facts", "host", "at", "reason"),
    [
        ({"memory": 5 * GIB}, {}, "kvm-01", "5 GiB less what a host keeps for itself are enough"),
        ({"memory": 4 * GIB}, {}, "kvm-02", "a host keeps 512 MiB for itself"),
        ({"memory": 4 * GIB}, {"reserved": {"memory": "1Ki"}}, "kvm-02", "or what its manifest says"),
        ({"memory": 4 * GIB}, {"ratios": {"memory": 2}}, "kvm-01", "more may be promised than there is"),
        ({"memory": 6 * GIB, "other_memory": 2 * GIB}, {}, "kvm-02", "guests that are not ours count"),
        ({"memory": 0}, {}, "kvm-01", "0 is not known, and limits nobody"),
        ({"vcpus": 1}, {}, "kvm-01", "a CPU is promised four times"),
        ({"vcpus": 1}, {"ratios": {"vcpus": 1}}, "kvm-02", "unless its manifest says otherwise"),
        ({"vcpus": 1, "other_vcpus": 3}, {}, "kvm-02", "vCPUs that are not ours count"),
        ({"vcpus": 1}, {"reserved": {"vcpus": 3}}, "kvm-02", "what is reserved is not promised"),
        ({"disk": 40 * GIB}, {}, "kvm-01", "its disk fits exactly"),
        ({"disk": 40 * GIB}, {"reserved": {"disk": "1Gi"}}, "kvm-02", "what is reserved is not given away"),
        ({"disk": 30 * GIB}, {"ratios": {"disk": 1.5}}, "kvm-01", "disks are thin"),
    ],
)
def test_a_host_promises_what_it_has_times_its_ratio_less_what_is_kept(
    facts: Any, host: Any, at: str, reason: str
) -> None:
    found = placed(of(fleet.instance(flavor="large", **WIRED), first=host), hosts(facts))
    assert found.hosts[web()] == at, reason


def test_of_two_that_want_the_last_room_the_first_by_name_gets_it_and_the_other_is_told_why() -> None:
    world = hosts({"memory": 5 * GIB}, {"memory": 1 * GIB})
    both = [fleet.instance(name, flavor="large", **WIRED) for name in ("b", "a")]
    for order in (both, both[::-1]):
        found = placed(of(*order), world)
        assert found.hosts == {web("a"): "kvm-01"}
        assert "kvm-01: memory: 4Gi asked for, 512Mi left." in why(found)
        assert "kvm-02: memory: 4Gi asked for, 512Mi left." in why(found)
        assert found.held[web("b")].startswith("fits on no host: kvm-01: memory")


def test_a_smaller_one_still_gets_what_a_larger_one_could_not_use() -> None:
    found = placed(
        of(fleet.instance("a", flavor="large", **WIRED), fleet.instance("b", **WIRED)), hosts({"memory": GIB})
    )
    assert found.hosts == {web("a"): "kvm-02", web("b"): "kvm-01"}


def test_what_stands_counts_whether_it_runs_or_not_and_whether_it_is_declared_or_not() -> None:
    world = standing(of(fleet.instance("a", flavor="large", powerState="Stopped", **WIRED)), hosts({"memory": 5 * GIB}))
    found = placed(of(fleet.instance("b", flavor="large", **WIRED)), world)
    assert found.hosts == {web("b"): "kvm-02"}


def test_want_of_room_moves_nothing_that_stands() -> None:
    desired = of(fleet.instance("a", flavor="large", **WIRED))
    world = standing(desired)
    tight = World(hosts=world.hosts, objects=world.objects, facts={"kvm-01": facts_of("kvm-01", memory=GIB)})
    found = placed(desired, tight)
    assert found.hosts == {web("a"): "kvm-01"}
    assert not found.held
    assert not found.cramped


def test_what_grows_comes_before_what_is_new_and_keeps_its_size_where_there_is_no_room() -> None:
    world = standing(of(fleet.instance("a", **WIRED), fleet.instance("b", **WIRED)), hosts({"memory": 6 * GIB}))
    grown = of(*(fleet.instance(name, flavor="large", **WIRED) for name in ("a", "b", "c")))
    found = placed(grown, world)
    assert found.hosts == {web("a"): "kvm-01", web("b"): "kvm-01", web("c"): "kvm-02"}
    assert found.cramped == {
        web("b"): {"memory": "kvm-01 has no room for it to grow; memory: 3584Mi more asked for, 1Gi left"}
    }


@pytest.mark.parametrize(
    ("spec", "first", "told"),
    [
        ({"placement": {"zone": "b"}}, {}, "it is in no zone, and b is asked for"),
        ({"placement": {"zone": "b"}}, {"zone": "a"}, "it is in zone a, and b is asked for"),
    ],
)
def test_a_zone_is_kept_to(spec: Any, first: Any, told: str) -> None:
    found = placed(of(fleet.instance(**WIRED, **spec), first=first, second={"zone": "b"}))
    assert found.hosts[web()] == "kvm-02"
    full = hosts(second={"memory": GIB // 4})
    assert told in why(placed(of(fleet.instance(**WIRED, **spec), first=first, second={"zone": "b"}), full))


def test_labels_are_kept_to() -> None:
    labelled = fleet.host("kvm-02")
    labelled["metadata"]["labels"] = {"disk": "nvme"}
    picky = fleet.instance(placement={"hostLabels": {"disk": "nvme"}}, **WIRED)
    desired = fleet.desired(
        *(fleet.fleet(), fleet.host("kvm-01"), labelled, fleet.flavor(), fleet.image(), picky),
        fleet.network("wire", mode="bridge", physicalNetwork="wire"),
    )
    assert placed(desired).hosts[web()] == "kvm-02"
    assert "it has no label disk" in why(placed(desired, hosts(second={"vcpus": 1, "other_vcpus": 4})))


@pytest.mark.parametrize(
    ("facts", "image", "told"),
    [
        ({"physical_networks": ()}, {}, "it has no physical network wire"),
        ({"features": ()}, {"properties": {"hw_firmware_type": "uefi"}}, "it cannot do uefi"),
        (
            {"features": ("uefi",)},
            {"properties": {"hw_firmware_type": "uefi", "os_secure_boot": "required"}},
            "it cannot do secure-boot",
        ),
        ({"enforcement": ""}, {}, "it cannot enforce security groups"),
    ],
)
def test_what_a_host_cannot_do_it_is_not_asked_for(facts: Any, image: Any, told: str) -> None:
    desired = of(fleet.instance(**WIRED), image=image)
    assert placed(desired, hosts(facts)).hosts[web()] == "kvm-02"
    assert told in why(placed(desired, hosts(facts, facts)))


def test_a_host_that_says_nothing_of_itself_is_believed() -> None:
    desired = of(fleet.instance(placement={"host": "kvm-01"}, **WIRED))
    assert placed(desired, kvm_01="down").hosts[web()] == "kvm-01"


def test_a_volume_that_stands_somewhere_brings_its_instance_there() -> None:
    world = standing(of(fleet.volume(host="kvm-02")))
    found = placed(of(fleet.volume(), fleet.instance(volumes={"data": {}}, **WIRED)), world)
    assert found.hosts == {web(): "kvm-02", DATA: "kvm-02"}
    named = fleet.instance(volumes={"data": {}}, placement={"host": "kvm-01"}, **WIRED)
    told = why(placed(of(fleet.volume(), named), world))
    assert "kvm-01: Volume/shop/data lies on kvm-02." in told
    assert "kvm-02: its manifest names kvm-01." in told


def test_a_volume_declared_elsewhere_stays_and_is_not_said_to_move_by_being_deleted() -> None:
    world = standing(of(fleet.volume(host="kvm-02")))
    (told,) = placed(of(fleet.volume(host="kvm-01")), world).diagnostics
    assert told.code == "placement-differs"
    assert "declare a volume of another name on kvm-01 and let a guest copy the data" in told.detail


def test_a_volume_follows_its_instance_and_counts_with_it() -> None:
    roomy, tight = {"disk": 20 * GIB}, {"disk": 10 * GIB}
    desired = of(fleet.volume(size="10Gi"), fleet.instance(volumes={"data": {}}, **WIRED))
    assert placed(desired, hosts(tight, roomy)).hosts == {web(): "kvm-02", DATA: "kvm-02"}
    assert "disk: 14Gi asked for, 10Gi left" in why(placed(desired, hosts(tight, tight)))


def test_a_volume_in_a_pool_takes_room_there() -> None:
    fast = fleet.volume(size="10Gi", pool="fast")
    desired = of(fast, fleet.instance(volumes={"data": {}}, **WIRED))
    has, little = {"pools": {"fast": 20 * GIB}, "disk": 5 * GIB}, {"pools": {"fast": GIB}}
    assert placed(desired, hosts({}, has)).hosts[DATA] == "kvm-02"
    told = why(placed(desired, hosts({}, little)))
    assert "kvm-01: it has no storage pool fast." in told
    assert "kvm-02: pool fast: 10Gi asked for, 1Gi left." in told


def test_a_new_volume_for_an_instance_that_stands_waits_where_it_does_not_fit_and_nothing_else_does() -> None:
    world = standing(of(fleet.instance(**WIRED)), hosts({"disk": 5 * GIB}))
    found = placed(of(fleet.volume(size="10Gi"), fleet.instance(volumes={"data": {}}, **WIRED)), world)
    assert set(found.held) == {DATA}
    assert codes(found) == ["unplaced"]


def test_a_volume_that_nobody_uses_stays_without_a_host_unless_there_is_only_one() -> None:
    found = placed(of(fleet.volume()))
    assert set(found.held) == {DATA}
    assert [(each.code, each.severity) for each in found.diagnostics] == [("volume-unplaced", "warning")]
    assert placed(of(fleet.volume(), second={"state": "Cordoned"})).hosts == {DATA: "kvm-01"}


def test_a_volume_that_was_not_found_may_hold_its_data_on_a_host_that_was_not_seen() -> None:
    found = placed(of(fleet.volume(host="kvm-01")), kvm_02="down")
    assert found.unsure == {DATA: ("kvm-02",)}
    assert placed(of(fleet.volume()), kvm_02="down").held[DATA].startswith("may stand on kvm-02")


def test_a_network_of_mode_bridge_is_on_every_host_that_has_an_instance_of_it() -> None:
    apart = [
        fleet.instance(name, placement={"host": host}, **WIRED) for name, host in (("a", "kvm-01"), ("b", "kvm-02"))
    ]
    world = standing(of(*apart))
    wire = Address("Network", "shop", "wire")
    assert sorted(key.host for key in world.objects if key.address == wire) == ["kvm-01", "kvm-02"]


ONE = {"state": "Cordoned"}
"""Leaves the other host as the only one."""


def overlapping(first: Any, second: Any, *more: Manifest, other: Any = None) -> Placement:
    networks = fleet.network("far", **first), fleet.network("lan", **second)
    instances = (fleet.instance(name, networks={name: {}}) for name in ("far", "lan"))
    return placed(of(*networks, *instances, *more, second=other))


OVERLAPPING = pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"cidr": "10.1.0.0/16"}, {"cidr": "10.1.2.0/24"}),
        ({"cidr": "10.1.2.0/24"}, {"cidr": "10.1.0.0/16"}),
        ({"cidr": "10.1.2.0/24"}, {"cidr": "10.1.2.0/24"}),
        ({"cidr": "10.1.0.0/24", "cidr6": "fd00::/48"}, {"cidr": "10.2.0.0/24", "cidr6": "fd00:0:0:7::/64"}),
        ({"cidr": "10.20.0.0/24", "mode": "bridge", "physicalNetwork": "wire"}, {"cidr": "10.20.0.0/25"}),
    ],
)


@OVERLAPPING
def test_an_instance_goes_where_its_new_network_overlaps_none(first: Any, second: Any) -> None:
    found = overlapping(first, second)
    assert found.held == {}
    assert found.hosts[web("far")] != found.hosts[web("lan")]


def test_an_instance_whose_new_network_overlaps_one_on_every_host_is_told_which() -> None:
    third = fleet.network("third", cidr="10.1.0.0/16"), fleet.instance("third", networks={"third": {}})
    found = overlapping({"cidr": "10.1.2.0/24"}, {"cidr": "10.1.2.0/25"}, *third)
    assert codes(found) == ["unplaced"]
    assert "kvm-01: Network/shop/third would overlap Network/shop/far there." in why(found)
    assert "kvm-02: Network/shop/third would overlap Network/shop/lan there." in why(found)


@OVERLAPPING
def test_of_two_networks_that_overlap_on_a_host_the_later_one_waits_with_its_instances(first: Any, second: Any) -> None:
    found = overlapping(first, second, other=ONE)
    assert codes(found) == ["networks-overlap", "network-held"]
    (late,) = (address for address in found.held if address.kind == "Network")
    assert found.held[web(late.name)] == f"waits for {late}"


def test_a_network_that_stands_comes_before_one_that_sorts_before_it() -> None:
    before = fleet.network("lan"), fleet.instance("z")
    far = fleet.network("far"), fleet.instance("a", networks={"far": {}})
    found = placed(of(*before, *far, second=ONE), standing(of(*before, second=ONE)))
    assert {str(address) for address in found.held} == {"Network/shop/far", "Instance/shop/a"}


def test_networks_that_share_nothing_stand_beside_each_other() -> None:
    assert codes(overlapping({"cidr": "10.1.0.0/24"}, {"cidr": "10.1.1.0/24"})) == []
