from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler.addressing import Addressing, addressing
from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.identity import Identity
from reconciler.impact import Impact
from reconciler.observation import Partial
from reconciler.placement import placement
from reconciler.snapshots import Snapshots
from tests.support import fleet
from tests.support.fleet import FLEET_ID, web
from tests.support.world import World

SMALL = {"addresses": "10.10.0.10-10.10.0.12"}


def settled(desired: Desired, world: World | None = None, partial: bool = False) -> Addressing:
    statuses = {"kvm-01": Partial(gaps=("domains",))} if partial else {}
    snapshots = Snapshots((world or World()).snapshots(statuses))
    return addressing(desired, placement(desired, snapshots), snapshots)


def of(*more: fleet.Manifest) -> Desired:
    return fleet.desired(fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), fleet.network(**SMALL), *more)


def standing(desired: Desired) -> World:
    return World().applied(World().plan(desired))


def got(found: Addressing) -> dict[str, str]:
    return {address.name: nic.address for (address, _), nic in sorted(found.nics.items())}


def declared(name: str, address: str) -> fleet.Manifest:
    return fleet.instance(name, networks={"lan": {"address": address}})


def test_the_lowest_free_addresses_go_out_in_order_of_names() -> None:
    found = settled(of(fleet.instance("b"), fleet.instance("a"), declared("c", "10.10.0.10")))
    assert got(found) == {"a": "10.10.0.11", "b": "10.10.0.12", "c": "10.10.0.10"}


def test_the_mac_follows_from_the_address() -> None:
    network = Address("Network", "shop", "lan")
    nic = settled(of(declared("web-1", "10.10.0.10"))).nics[web(), "lan"]
    assert nic.mac == Identity(FLEET_ID).mac(network, "10.10.0.10")


def test_an_instance_keeps_its_address_when_one_that_sorts_before_it_comes() -> None:
    world = standing(of(fleet.instance("b")))
    assert got(settled(of(fleet.instance("b"), fleet.instance("a")), world)) == {"a": "10.10.0.11", "b": "10.10.0.10"}


def test_a_renamed_instance_keeps_its_address() -> None:
    world = standing(of(fleet.instance("b"), fleet.instance("c")))
    found = settled(of(fleet.instance("z", origin="b"), fleet.instance("c"), fleet.instance("a")), world)
    assert got(found) == {"a": "10.10.0.12", "c": "10.10.0.11", "z": "10.10.0.10"}


def test_an_address_that_this_plan_frees_is_not_given_out_in_it() -> None:
    world = standing(of(fleet.instance("a")))
    assert got(settled(of(fleet.instance("b")), world)) == {"b": "10.10.0.11"}


def test_a_full_network_says_so_and_holds_only_who_gets_none() -> None:
    found = settled(of(*(fleet.instance(name) for name in "abcd")))
    assert got(found).keys() == {"a", "b", "c"}
    assert set(found.held) == {web("d")}
    assert [each.code for each in found.diagnostics] == ["addresses-exhausted"]


def test_a_declared_address_that_another_has_is_not_taken_from_it() -> None:
    world = standing(of(fleet.instance("a")))
    found = settled(of(fleet.instance("a"), declared("b", "10.10.0.10")), world)
    assert got(found) == {"a": "10.10.0.10"}
    assert set(found.held) == {web("b")}
    assert [each.code for each in found.diagnostics] == ["address-in-use"]


def test_two_that_swap_addresses_are_parked_and_have_each_others_with_the_next_run() -> None:
    world = World().applied(World().plan(of(declared("a", "10.10.0.10"), declared("b", "10.10.0.11"))))
    swapped = fleet.desired(
        *(fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), fleet.network()),
        *(declared("a", "10.10.0.11"), declared("b", "10.10.0.10")),
    )
    found = settled(swapped, world)
    assert got(found) == {"a": "10.10.0.2", "b": "10.10.0.3"}
    assert [(each.code, each.severity) for each in found.diagnostics] == [("addresses-swapped", "warning")] * 2
    restart = Allow(impacts=frozenset((Impact.RESTART, web(name)) for name in "ab"))
    world = world.applied(world.plan(swapped, allow=restart))
    assert got(settled(swapped, world)) == {"a": "10.10.0.11", "b": "10.10.0.10"}


def test_what_follows_in_a_row_needs_no_parking() -> None:
    world = standing(of(declared("a", "10.10.0.10"), declared("b", "10.10.0.11")))
    found = settled(of(declared("a", "10.10.0.11"), declared("b", "10.10.0.12")), world)
    assert got(found) == {"a": "10.10.0.10", "b": "10.10.0.12"}
    assert [each.code for each in found.diagnostics] == ["address-in-use"]


def test_on_a_host_that_was_not_completely_seen_only_declared_addresses_are_settled() -> None:
    found = settled(of(fleet.instance("a"), declared("b", "10.10.0.12")), partial=True)
    assert got(found) == {"b": "10.10.0.12"}
    assert set(found.held) == {web("a")}
    assert found.diagnostics == ()


def test_a_nic_that_moves_to_another_network_gets_an_address_there() -> None:
    world = standing(of(fleet.instance("a")))
    dmz = fleet.network("dmz", cidr="10.20.0.0/24")
    moved = fleet.instance("a", networks={"lan": {"network": "dmz"}})
    assert got(settled(of(dmz, moved), world)) == {"a": "10.20.0.2"}


def test_the_address_of_a_leftover_filter_is_in_use_and_its_owner_gets_it_back() -> None:
    world = standing(of(fleet.instance("b")))
    key, whole = next((key, each) for key, each in world.objects.items() if each.key.address == web("b"))
    left = msgspec.structs.replace(
        whole, stored={"nics.lan.address": "10.10.0.10"}, running=None, incomplete=True, needs=()
    )
    world = msgspec.structs.replace(world, objects={**world.objects, key: left})
    found = settled(of(fleet.instance("a"), fleet.instance("b")), world)
    assert got(found) == {"a": "10.10.0.11", "b": "10.10.0.10"}


def test_the_gateway_is_never_given_out() -> None:
    found = settled(fleet.usual(fleet.instance("a")))
    assert got(found) == {"a": "10.10.0.2"}


DUAL = {"cidr6": "fd00::/64"}


def dual(*more: fleet.Manifest, **spec: str) -> Desired:
    network = fleet.network(**DUAL, **spec)
    return fleet.desired(fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), network, *more)


def got6(found: Addressing) -> dict[str, str | None]:
    return {address.name: nic.address6 for (address, _), nic in sorted(found.nics.items())}


def both(name: str, **nic: str) -> fleet.Manifest:
    return fleet.instance(name, networks={"lan": nic})


def test_an_ipv6_address_is_declared_in_any_spelling_or_follows_from_the_ipv4_one() -> None:
    found = settled(dual(both("a", address="10.10.0.20"), both("b", address6="FD00:0::00:F077")))
    assert got6(found) == {"a": "fd00::14", "b": "fd00::f077"}
    assert got6(settled(of(fleet.instance("a")))) == {"a": None}


def test_a_declared_ipv6_address_that_another_has_is_not_taken_from_it() -> None:
    world = standing(dual(both("a", address6="fd00::f001"), both("b", address6="fd00::f002")))
    found = settled(dual(both("a", address6="fd00::f003"), both("b", address6="fd00::f001")), world)
    assert got6(found) == {"a": "fd00::f003", "b": "fd00::f002"}
    (told,) = found.diagnostics
    assert told.code == "address-in-use"
    assert "fd00::f001, which Instance/shop/a has" in told.detail
    new = settled(dual(both("a"), both("c", address6="fd00::f001")), world)
    assert new.held == {web("c"): "its fd00::f001 is in use by Instance/shop/a"}


PAIR = ("kvm-01", "kvm-02")


def wired(*more: fleet.Manifest) -> Desired:
    wire = fleet.network("wire", mode="bridge", physicalNetwork="wire")
    hosts = (fleet.host(name) for name in PAIR)
    return fleet.desired(fleet.fleet(), *hosts, fleet.flavor(), fleet.image(), wire, *more)


def on(host: str, name: str, **nic: str) -> fleet.Manifest:
    return fleet.instance(name, networks={"wire": nic}, placement={"host": host})


def test_on_a_wire_addresses_are_unique_over_all_hosts() -> None:
    world = World(hosts=PAIR)
    world = world.applied(world.plan(wired(on("kvm-02", "z"))))
    found = settled(wired(on("kvm-01", "a"), on("kvm-02", "z")), world)
    assert got(found) == {"a": "10.10.0.3", "z": "10.10.0.2"}
    taken = settled(wired(on("kvm-01", "a", address="10.10.0.2"), on("kvm-02", "z")), world)
    assert set(taken.held) == {web("a")}


def test_on_a_wire_no_address_goes_out_while_any_host_is_unseen_and_who_waits_is_told() -> None:
    desired = wired(on("kvm-01", "a"), on("kvm-01", "b", address="10.10.0.9"), on("kvm-02", "z"))
    snapshots = Snapshots(World(hosts=PAIR).snapshots({"kvm-02": Partial(gaps=("domains",))}))
    found = addressing(desired, placement(desired, snapshots), snapshots)
    assert got(found) == {"b": "10.10.0.9"}
    assert set(found.held) == {web("a"), web("z")}
    (told,) = found.diagnostics
    assert told.code == "addresses-unseen"
    assert "taken on kvm-02 is not known" in told.detail
    assert told.detail.endswith("unless one is declared: Instance/shop/a.")
