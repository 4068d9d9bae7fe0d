"""How much of a fleet is planned for an event, and when it is all of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired
from reconciler.objects import Value
from reconciler.observation import Partial, Snapshot
from reconciler.plan import Plan, Source
from reconciler.planning import planned
from reconciler.serve.patience.about import plan_about
from reconciler.serve.patience.withholding import narrowed
from reconciler.vicinity import Surroundings
from tests.laws.strategies import everything_of
from tests.support import fleet
from tests.support.fleet import Manifest, manifest
from tests.support.world import World, facts_of, fallen

HOST = "kvm-01"
PROJECTS = ("blog", "shop")
NAMES = {"blog": "b", "shop": "a"}


def instance(project: str, name: str = "", **spec: Any) -> Manifest:
    usual = {"flavor": "small", "image": "debian", "networks": {"lan": {}}, "placement": {"host": HOST}}
    return manifest("Instance", name or NAMES[project], project, **{**usual, **spec})


def network(project: str, **spec: Any) -> Manifest:
    return manifest("Network", "lan", project, cidr=f"10.{PROJECTS.index(project)}.0.0/24", host=HOST, **spec)


def two(**more: Manifest) -> dict[str, Manifest]:
    """Two projects on one host that have nothing else to do with each other."""
    found = {"fleet": fleet.fleet(), "host": fleet.host(HOST), "small": fleet.flavor(), "image": fleet.image()}
    found |= {f"{project}-lan": network(project) for project in PROJECTS}
    return found | {project: instance(project) for project in PROJECTS} | more


def wanted(manifests: dict[str, Manifest]) -> Desired:
    return fleet.desired(*manifests.values())


def built(manifests: dict[str, Manifest], world: World | None = None) -> World:
    world, desired = world or World(hosts=(HOST,)), wanted(manifests)
    return world.applied(world.plan(desired, allow=everything_of(desired)))


def guest(project: str, name: str = "") -> Address:
    return Address("Instance", project, name or NAMES[project])


def died(world: World, *guests: Address) -> World:
    gone = {ObjectKey(HOST, each): fallen(world.objects[ObjectKey(HOST, each)], "crash") for each in guests}
    return msgspec.structs.replace(world, objects={**world.objects, **gone})


def about(manifests: dict[str, Manifest], world: World, *targets: Address) -> tuple[Plan, set[str] | None]:
    """The plan for an event, which must be that of the whole as far as it is about the targets; and the projects of
    which something was planned for it, or None when all was.
    """
    desired, parts = wanted(manifests), list[Desired]()

    def planner(part: Desired, snapshots: list[Snapshot]) -> Plan:
        parts.append(part)
        return planned(part, snapshots, {HOST: world.impacts}, Source(commit="c0ffee")).plan

    found = plan_about(targets, desired, world.snapshots(), planner, Surroundings())
    assert found == narrowed(world.plan(desired), targets)
    projects = {str(each.project) for each in parts[-1].resources if each.project}
    return found, None if parts[-1] is desired else projects


def test_for_a_guest_that_died_what_has_to_do_with_it_is_planned_though_others_share_its_host() -> None:
    found, projects = about(two(), died(built(two()), guest("shop"), guest("blog")), guest("shop"))
    assert [step.key.address for step in found.steps] == [guest("shop")]
    assert projects == {"shop"}


def test_several_that_are_named_are_planned_together() -> None:
    found, projects = about(two(), died(built(two()), guest("shop"), guest("blog")), guest("shop"), guest("blog"))
    assert [step.key.address for step in found.steps] == [guest("blog"), guest("shop")]
    assert projects == {"shop", "blog"}


@pytest.mark.parametrize(
    ("more", "joining"),
    [
        ({"shop-lan": network("shop", shareWith=["blog"])}, {"networks": {"lan": {"network": "shop/lan"}}}),
        (
            {"web": manifest("SecurityGroup", "web", "shop", shareWith=["blog"])},
            {"securityGroups": ["shop/web", "default"]},
        ),
    ],
)
def test_who_is_in_the_same_network_or_group_is_planned_with_it(
    more: dict[str, Manifest], joining: dict[str, Any]
) -> None:
    manifests = two(**more, blog=instance("blog", **joining))
    manifests["shop"] = instance("shop", securityGroups=["default", *(["web"] if "web" in more else [])])
    assert about(manifests, died(built(manifests), guest("shop")), guest("shop"))[1] == {"shop", "blog"}


def by_hand(world: World, address: Address, form: str, **fields: Value) -> World:
    """The world after somebody gave fields of an object other values, in one of its forms."""
    key = ObjectKey(HOST, address)
    found = world.objects[key]
    moved = msgspec.structs.replace(found, **{form: {**getattr(found, form), **fields}})
    return msgspec.structs.replace(world, objects={**world.objects, key: moved})


GROUPS = ("SecurityGroup/blog/default", "SecurityGroup/shop/default")
JOINED: dict[str, tuple[str, dict[str, Value], set[str] | None]] = {
    "a group": ("stored", {"nics.lan.securityGroups": GROUPS}, {"shop", "blog"}),
    "a group, as it runs": ("running", {"nics.lan.securityGroups": GROUPS}, {"shop", "blog"}),
    "a network": ("stored", {"nics.lan.network": "Network/shop/lan"}, None),
    "a network, as it runs": ("running", {"nics.lan.network": "Network/shop/lan"}, {"shop", "blog"}),
    "a volume": ("stored", {"volumes.data.volume": "Volume/shop/data"}, {"shop", "blog"}),
}


@pytest.mark.parametrize("what", JOINED)
def test_who_was_joined_by_hand_to_something_of_it_is_planned_with_it(what: str) -> None:
    form, fields, projects = JOINED[what]
    manifests = two(data=manifest("Volume", "data", "shop", size="1Gi"))
    manifests["shop"] = instance("shop", volumes={"data": {}})
    world = by_hand(built(manifests), guest("blog"), form, **fields)
    assert about(manifests, died(world, guest("shop")), guest("shop"))[1] == projects


DEAD = [guest("shop")]
WHOLE: dict[str, tuple[dict[str, Manifest], list[Address]]] = {
    "it is not declared": ({}, [guest("shop", "nobody")]),
    "it is of the whole fleet": ({}, [Address("Image", None, "debian")]),
    "it is to be made": ({"new": instance("shop", "new")}, [guest("shop", "new")]),
    "something near is to be made, and takes room": ({"new": instance("shop", "new")}, DEAD),
    "it asks for more room": ({"small": fleet.flavor(vcpus=2)}, DEAD),
    "it is to have another address": ({"shop": instance("shop", networks={"lan": {"address": "10.1.0.99"}})}, DEAD),
    "a range overlaps from a network whose host nobody knows": (
        {"second": fleet.host("kvm-02"), "late": manifest("Network", "late", "blog", cidr="10.1.0.0/16")},
        DEAD,
    ),
}


@pytest.mark.parametrize("why", WHOLE)
def test_all_is_planned_where_more_than_what_has_to_do_with_it_could_matter(why: str) -> None:
    more, targets = WHOLE[why]
    assert about(two(**more), died(built(two()), guest("shop")), *targets)[1] is None


def test_all_is_planned_where_something_near_goes() -> None:
    before = two(other=instance("shop", "new"))
    assert about(two(), died(built(before), guest("shop")), guest("shop"))[1] is None
    assert about(two(), died(built(before), guest("blog")), guest("blog"))[1] == {"blog"}


LAN = Address("Network", "shop", "lan")
MOVED: dict[str, tuple[Address, dict[str, Value]]] = {
    "a network keeps a range that it is to leave": (LAN, {"cidr": "10.77.0.0/24"}),
    "one that has nothing to do with it but its host does": (
        Address("Network", "blog", "lan"),
        {"cidr": "10.77.0.0/24"},
    ),
    "it has an address from another range": (guest("shop"), {"nics.lan.address": "10.77.0.5"}),
    "it has one of the other family": (guest("shop"), {"nics.lan.address6": "fd00::5"}),
    "what it has is no address": (guest("shop"), {"nics.lan.address": "absent"}),
    "it has a NIC that nobody declares": (guest("shop"), {"nics.more.address": "10.1.0.77"}),
}


@pytest.mark.parametrize("why", MOVED)
def test_all_is_planned_where_ranges_are_not_those_that_are_declared(why: str) -> None:
    """Who else has them, and on which hosts, is told by what is declared."""
    address, fields = MOVED[why]
    world = by_hand(built(two()), address, "stored", **fields)
    assert Surroundings().of(wanted(two()), built(two()).snapshots(), {guest("shop")})
    assert Surroundings().of(wanted(two()), world.snapshots(), {guest("shop")}) is None


@pytest.mark.parametrize("address", [LAN, Address("SecurityGroup", "shop", "default")])
def test_all_is_planned_where_something_near_is_half_made(address: Address) -> None:
    world, key = built(two()), ObjectKey(HOST, address)
    half = msgspec.structs.replace(world.objects[key], incomplete=True)
    world = msgspec.structs.replace(world, objects={**world.objects, key: half})
    assert about(two(), died(world, guest("shop")), guest("shop"))[1] is None


def test_whoever_gets_another_address_does_so_once_a_group_elsewhere_has_forgotten_it() -> None:
    ours = network("shop", cidr6="fd01::/64")
    world = built(two(**{"shop-lan": ours}))
    world = by_hand(world, Address("SecurityGroup", "blog", "default"), "stored", members=("10.0.0.2", "fd01::1:5"))
    moved = two(**{"shop-lan": ours, "shop": instance("shop", networks={"lan": {"address6": "fd01::1:5"}})})
    found, projects = about(moved, world, guest("shop"))
    assert projects is None
    assert found.changes


def test_all_is_planned_where_an_image_has_to_be_made_again() -> None:
    world = died(built(two()), guest("shop"))
    gone = {key: each for key, each in world.objects.items() if key.address.kind != "Image"}
    found, projects = about(two(), msgspec.structs.replace(world, objects=gone), guest("shop"))
    assert [step.key.address.kind for step in found.steps] == ["Image", "Instance"]
    assert projects is None


def test_all_is_planned_where_something_goes_from_a_host_though_it_is_declared() -> None:
    web = manifest("SecurityGroup", "web", "shop")
    world = built(two(web=web, shop=instance("shop", securityGroups=["default", "web"])))
    found, projects = about(two(web=web), world, Address("SecurityGroup", "shop", "web"))
    assert [step.verb for step in found.steps] == ["update", "delete"]
    assert projects is None


def test_all_is_planned_where_a_field_names_what_nobody_knows() -> None:
    world, key = built(two()), ObjectKey(HOST, guest("blog"))
    odd = msgspec.structs.replace(
        world.objects[key], stored={**world.objects[key].stored, "nics.lan.network": "no address"}
    )
    world = msgspec.structs.replace(world, objects={**world.objects, key: odd})
    assert Surroundings().of(wanted(two()), world.snapshots(), {guest("shop")}) is None


def test_all_is_planned_where_a_host_of_it_was_not_completely_seen() -> None:
    shown = built(two()).snapshots({HOST: Partial(gaps=("networks",))})
    assert Surroundings().of(wanted(two()), shown, {guest("shop")}) is None


def test_what_is_joined_is_found_anew_for_another_commit_and_for_another_look_at_a_host() -> None:
    world, surroundings, shared = built(two()), Surroundings(), two()
    shared |= {"shop-lan": network("shop", shareWith=["blog"])}
    shared |= {"blog": instance("blog", networks={"lan": {"network": "shop/lan"}})}

    def near(manifests: dict[str, Manifest], shown: list[Snapshot]) -> set[str] | None:
        found = surroundings.of(wanted(manifests), shown, {guest("shop")})
        return {str(each.project) for each in found.addresses} if found else None

    assert near(two(), world.snapshots()) == {"shop"}
    moved = built(shared)
    assert near(shared, moved.snapshots()) == {"shop", "blog"}
    assert near(two(), world.snapshots()) == {"shop"}


def test_of_hosts_that_have_nothing_of_it_what_they_can_do_is_known_all_the_same() -> None:
    other = Snapshot(host="kvm-02", facts=facts_of("kvm-02"))
    manifests = two(second=fleet.host("kvm-02"))
    found = Surroundings().of(wanted(manifests), [*built(two()).snapshots(), other], {guest("shop")})
    assert found
    assert [each.host for each in found.snapshots] == [HOST, "kvm-02"]
    assert found.snapshots[1] == other
