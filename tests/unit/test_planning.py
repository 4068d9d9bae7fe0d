from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler import planning
from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired
from reconciler.guard import parse_allow
from reconciler.objects import Value
from reconciler.observation import Failed, Foreign, Partial
from reconciler.plan import Plan, Source
from tests.support import fleet
from tests.support.fleet import web
from tests.support.world import World

GROUP = Address("SecurityGroup", "shop", "default")
FAR: fleet.Manifest = {"networks": {"far": {}}, "placement": {"host": "kvm-02"}}
NEAR: fleet.Manifest = {"placement": {"host": "kvm-01"}}


def standing(*manifests: fleet.Manifest) -> World:
    return World().applied(World().plan(fleet.usual(*manifests)))


def verbs(planned: Plan) -> list[str]:
    return [f"{step.verb} {step.key.address}" for step in planned.steps]


def codes(planned: Plan) -> list[str]:
    return [each.code for each in planned.diagnostics]


def edited(world: World, address: Address, **forms: Any) -> World:
    """The world after somebody changed an object by hand: `stored` and `running` fields."""
    key = next(key for key in world.objects if key.address == address)
    found = world.objects[key]
    new = {form: {**(getattr(found, form) or {}), **fields} for form, fields in forms.items()}
    return msgspec.structs.replace(world, objects={**world.objects, key: msgspec.structs.replace(found, **new)})


def using(world: World, user: Address, used: Address) -> World:
    """The world in which one object is seen to use another, on the first host."""
    key = ObjectKey("kvm-01", user)
    found = msgspec.structs.replace(world.objects[key], needs=(ObjectKey("kvm-01", used),))
    return msgspec.structs.replace(world, objects={**world.objects, key: found})


def members(world: World, host: str = "kvm-01") -> Value:
    return next(e.stored["members"] for k, e in world.objects.items() if (k.address, k.host) == (GROUP, host))


def test_a_target_that_is_nowhere_is_told() -> None:
    planned = standing().plan(fleet.usual(), targets=[web("nobody")])
    assert codes(planned) == ["unknown-target"]
    assert planned.steps == ()


def test_a_target_may_be_a_resource_that_is_no_longer_declared() -> None:
    world = standing(fleet.instance("web-1"), fleet.instance("web-2"))
    planned = world.plan(fleet.usual(), targets=[web("web-2")])
    assert verbs(planned) == ["delete Instance/shop/web-2"]


def test_an_instance_outside_the_targets_is_no_member_before_it_is_made() -> None:
    pair = fleet.usual(fleet.instance("web-1"), fleet.instance("web-2"))
    world = World().applied(World().plan(pair, targets=[web("web-2")]))
    assert members(world) == ("10.10.0.3",)
    assert members(world.applied(world.plan(pair))) == ("10.10.0.2", "10.10.0.3")


def test_a_consent_that_allows_nothing_is_told() -> None:
    planned = standing().plan(fleet.usual(), allow=parse_allow(["restart=Instance/shop/web-1"]))
    assert codes(planned) == ["idle-consent"]
    assert planned.diagnostics[0].severity == "warning"


def test_everything_foreign_in_our_way_is_told() -> None:
    (shown,) = World().snapshots()
    shown = msgspec.structs.replace(shown, foreign=(Foreign("Network", "x.y.z", "it has no mark of ours"),))
    planned = planning.planned(fleet.usual(), [shown], {}, Source()).plan
    assert codes(planned) == ["foreign"]
    assert "Network x.y.z on kvm-01: it has no mark of ours" in planned.diagnostics[0].detail


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Failed(error="no route to host"), "kvm-01: no route to host."),
        (Partial(gaps=("volumes", "domains")), "kvm-01: volumes; domains."),
    ],
)
def test_an_unseen_host_is_one_message_with_the_reason_and_who_waits(status: Any, told: str) -> None:
    planned = World().plan(fleet.usual(fleet.instance()), statuses={"kvm-01": status})
    assert codes(planned) == ["host-unseen"]
    assert planned.diagnostics[0].detail.startswith(told)
    assert "Instance/shop/web-1" in planned.diagnostics[0].detail
    assert (planned.partial, planned.steps) == (True, ())


def test_a_declared_host_that_nobody_observed_counts_as_unseen() -> None:
    planned = planning.planned(fleet.usual(fleet.instance()), [], {}, Source()).plan
    assert codes(planned) == ["host-unseen"]
    assert planned.partial


def test_drift_that_waits_for_consent_stays_drift() -> None:
    desired = fleet.usual(fleet.instance())
    world = edited(standing(fleet.instance()), web(), stored={"vcpus": 4}, running={"vcpus": 4, "nics.lan.filter": "x"})
    for _ in range(2):
        planned = world.plan(desired)
        origins = {field.path: field.origin for change in planned.changes for field in change.fields}
        assert origins["vcpus"] == "drift"
        world = world.applied(planned)


def test_a_network_that_waits_names_whom_it_would_disturb() -> None:
    world = standing(fleet.instance())
    planned = world.plan(
        fleet.desired(
            fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), fleet.network(mode="isolated"), fleet.instance()
        )
    )
    assert [change.disturbs for change in planned.changes] == [(web(),)]


def two_hosts(*more: fleet.Manifest) -> Any:
    networks = [fleet.network(host="kvm-01"), fleet.network("far", host="kvm-02", cidr="10.20.0.0/24")]
    hosts = [fleet.host("kvm-01"), fleet.host("kvm-02")]
    return fleet.desired(fleet.fleet(), *hosts, fleet.flavor(), fleet.image(), *networks, *more)


def test_a_group_has_its_members_from_all_hosts() -> None:
    desired = two_hosts(fleet.instance("web-1", **NEAR), fleet.instance("db-1", **FAR))
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(desired))
    assert members(world, "kvm-01") == members(world, "kvm-02") == ("10.10.0.2", "10.20.0.2")


def test_members_on_an_unseen_host_stay_and_those_that_left_go() -> None:
    before = two_hosts(fleet.instance("web-1", **NEAR), fleet.instance("web-2", **NEAR), fleet.instance("db-1", **FAR))
    after = two_hosts(fleet.instance("web-1", **NEAR), fleet.instance("db-1", **FAR))
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(before))
    world = world.applied(world.plan(after, statuses={"kvm-02": Failed(error="down")}))
    assert members(world) == ("10.10.0.2", "10.20.0.2")


def test_members_stay_whose_host_shows_them_and_not_their_filters() -> None:
    desired = two_hosts(fleet.instance("web-1", **NEAR), fleet.instance("db-1", **FAR))
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(desired))
    near, far = world.snapshots()
    unfiltered = tuple(
        msgspec.structs.replace(each, stored={**each.stored, "nics.far.securityGroups": ()}, running=None)
        for each in far.objects
        if each.key.address.kind == "Instance"
    )
    far = msgspec.structs.replace(far, status=Partial(gaps=("nft",)), objects=unfiltered)
    planned = planning.planned(
        desired, [near, far], dict.fromkeys(world.hosts, world.impacts), Source(commit="c0ffee")
    ).plan
    assert planned.steps == ()


def test_an_address_that_waits_for_a_restart_stays_in_the_groups_until_then() -> None:
    world = standing(fleet.instance())
    desired = fleet.usual(fleet.instance(networks={"lan": {"address": "10.10.0.77"}}))
    world = world.applied(world.plan(desired))
    assert members(world) == ("10.10.0.2",)
    world = world.applied(world.plan(desired, allow=parse_allow(["restart=Instance/shop/web-1"])))
    assert members(world) == ("10.10.0.77",)
    assert world.plan(desired).empty


def test_an_instance_that_may_not_be_deleted_keeps_its_place_in_the_groups() -> None:
    world = standing(fleet.instance("web-1"), fleet.instance("web-2", protected=True))
    planned = world.plan(fleet.usual(fleet.instance("web-1")))
    assert verbs(planned) == []
    assert members(world.applied(planned)) == ("10.10.0.2", "10.10.0.3")


def test_a_group_that_another_names_stands_wherever_that_one_does() -> None:
    rule = {"protocol": "tcp", "ports": 80, "remote": {"group": "front"}}
    planned = World().plan(
        fleet.usual(fleet.group("front"), fleet.group("back", ingress=[rule]), fleet.instance(securityGroups=["back"]))
    )
    assert "create SecurityGroup/shop/front" in verbs(planned)


def test_two_groups_that_name_each_other_go_together() -> None:
    rules = [{"remote": {"group": name}} for name in ("a", "b")]
    groups = [fleet.group("a", ingress=[rules[1]]), fleet.group("b", ingress=[rules[0]])]
    world = standing(*groups, fleet.instance(securityGroups=["a", "b"]))
    for name, other in (("a", "b"), ("b", "a")):
        world = using(world, Address("SecurityGroup", "shop", name), Address("SecurityGroup", "shop", other))
    planned = world.plan(fleet.usual(fleet.instance(securityGroups=[])))
    assert [v for v in verbs(planned) if v.startswith("delete")] == [
        "delete SecurityGroup/shop/a",
        "delete SecurityGroup/shop/b",
    ]


def test_a_rename_with_its_origin_raises_no_question() -> None:
    world = standing(fleet.instance("web-1"))
    assert codes(world.plan(fleet.usual(fleet.instance("web-9", origin="web-1")))) == []
    assert codes(world.plan(fleet.usual(fleet.instance("web-9")))) == ["maybe-renamed"]


def test_the_basis_holds_what_is_touched_and_what_it_relies_on() -> None:
    world = standing(fleet.instance("web-1"), fleet.instance("web-2"))
    planned = world.plan(fleet.usual(fleet.instance("web-1", powerState="Stopped"), fleet.instance("web-2")))
    assert sorted(planned.basis) == [
        "Image/debian#5d676a7bac96@kvm-01",
        "Instance/shop/web-1@kvm-01",
        "Network/shop/lan@kvm-01",
        "SecurityGroup/shop/default@kvm-01",
    ]


def test_the_basis_says_of_what_is_to_be_made_that_it_was_not_there() -> None:
    planned = World().plan(fleet.usual(fleet.instance()))
    assert set(planned.basis.values()) == {""}
    assert len(planned.basis) == len(planned.steps)


def test_an_address_that_means_somebody_else_on_another_host_is_no_member_there() -> None:
    """Else whoever has a member's address on a host with the same range would be let in."""
    manifests = [
        *(fleet.fleet(), fleet.host("kvm-01"), fleet.host("kvm-02"), fleet.flavor(), fleet.image()),
        *(fleet.network("here", host="kvm-01"), fleet.network("there", host="kvm-02")),
        fleet.network("wire", mode="bridge", physicalNetwork="wire", cidr="10.20.0.0/24"),
        fleet.group("web"),
        fleet.group("db", ingress=[{"protocol": "tcp", "remote": {"group": "web"}}]),
        fleet.instance("a", networks={"here": {"address": "10.10.0.5"}, "wire": {}}, securityGroups=["web"]),
        fleet.instance("b", networks={"there": {"address": "10.10.0.5"}}, securityGroups=[]),
        fleet.instance("c", networks={"there": {}, "wire": {}}, securityGroups=["db"]),
    ]
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(fleet.desired(*manifests)))
    members = {
        key.host: each.stored["members"]
        for key, each in world.objects.items()
        if key.address == Address("SecurityGroup", "shop", "web")
    }
    assert members == {"kvm-01": ("10.10.0.5", "10.20.0.2"), "kvm-02": ("10.20.0.2",)}
    assert world.plan(fleet.desired(*manifests)).empty


def _on_two_hosts(there: str, *more: fleet.Manifest) -> Desired:
    """A group with a member on each of two hosts; on the second one in the range `there`."""
    rule = {"protocol": "tcp", "remote": {"group": "web"}}
    return fleet.desired(
        *(fleet.fleet(), fleet.host("kvm-01"), fleet.host("kvm-02"), fleet.flavor(), fleet.image()),
        *(fleet.network("here", host="kvm-01"), fleet.network("there", cidr=there, host="kvm-02")),
        fleet.group("web", ingress=[rule]),
        fleet.instance("a", networks={"here": {}}, securityGroups=["web"]),
        fleet.instance("b", networks={"there": {}}, securityGroups=["web"]),
        *more,
    )


def test_an_address_in_a_range_that_a_network_may_not_leave_yet_is_no_member_where_another_has_that_range() -> None:
    """Guests keep a network in its old range, which the commit gives to another one on another host."""
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(_on_two_hosts("10.20.0.0/24")))
    late = fleet.network("late", cidr="10.20.0.0/24", host="kvm-01")
    guest = fleet.instance("c", networks={"late": {}}, securityGroups=["late"])
    moved = _on_two_hosts("10.30.0.0/24", late, guest, fleet.group("late"))
    world = world.applied(world.plan(moved))
    found = {(key.address.name, key.host): each.stored.get("members") for key, each in world.objects.items()}
    assert found["web", "kvm-01"] == ("10.10.0.2",)
    assert found["web", "kvm-02"] == ("10.10.0.2", "10.20.0.2")
    assert found["late", "kvm-01"] == ("10.20.0.2",)


@pytest.mark.parametrize("kept", [[fleet.network("idle", cidr="10.40.0.0/24", host="kvm-01")], []])
def test_a_range_that_a_network_leaves_to_which_nobody_is_joined_is_nobody_elses(kept: list[fleet.Manifest]) -> None:
    """Else it took a second run until all are members."""
    world = World(hosts=("kvm-01", "kvm-02"))
    idle = fleet.network("idle", cidr="10.20.0.0/24", host="kvm-01")
    world = world.applied(world.plan(_on_two_hosts("10.30.0.0/24", idle)))
    late = fleet.network("late", cidr="10.20.0.0/24", host="kvm-02")
    guest = fleet.instance("c", networks={"late": {}}, securityGroups=["web"])
    wanted = _on_two_hosts("10.30.0.0/24", late, guest, *kept)
    world = world.applied(world.plan(wanted, allow=parse_allow(["replace=Network/shop/idle"])))
    assert world.plan(wanted).empty


def _with_a_left_member(*addresses: str) -> World:
    """A world in which a guest went and its group could not be told: the group has its addresses still."""
    world = World()
    world = world.applied(world.plan(fleet.usual(fleet.group("web"), fleet.instance(securityGroups=["web"]))))
    key = next(key for key in world.objects if key.address == Address("SecurityGroup", "shop", "web"))
    left = msgspec.structs.replace(world.objects[key], stored={**world.objects[key].stored, "members": addresses})
    kept = {each: found for each, found in world.objects.items() if each.address.kind not in ("Instance",)}
    return msgspec.structs.replace(world, objects={**kept, key: left})


@pytest.mark.parametrize("nic", [{}, {"address": "10.10.0.2"}])
def test_an_address_is_given_once_no_group_lets_it_in_that_should_not(nic: dict[str, str]) -> None:
    """If the group's change fails, its guests would let in whoever has the address."""
    world = _with_a_left_member("10.10.0.2")
    user = fleet.instance("user", securityGroups=["web"], networks={"lan": {"address": "10.10.0.9"}})
    planned = world.plan(fleet.usual(fleet.group("web"), user, fleet.instance("other", networks={"lan": nic})))
    (created,) = [step for step in planned.steps if step.key.address == web("other")]
    assert "update SecurityGroup/shop/web@kvm-01" in created.after


def test_a_guest_that_lies_open_and_is_left_so_is_told_of() -> None:
    base = [fleet.fleet(), fleet.flavor(), fleet.image(), fleet.host("kvm-01"), fleet.host("kvm-02")]
    base.append(fleet.network(mode="bridge", physicalNetwork="wire"))
    here: fleet.Manifest = {"placement": {"host": "kvm-01"}}
    world = World(hosts=("kvm-01", "kvm-02"))
    world = world.applied(world.plan(fleet.desired(*base, fleet.volume(host="kvm-02"), fleet.instance(**here))))
    key = next(key for key in world.objects if key.address == web())
    standing = world.objects[key]
    away = {"nics.lan.filter": "absent"}
    laid = msgspec.structs.replace(
        standing, stored={**standing.stored, **away}, running={**(standing.running or {}), **away}
    )
    laid_open = msgspec.structs.replace(world, objects={**world.objects, key: laid})
    held = fleet.desired(*base, fleet.volume(), fleet.instance(volumes={"data": {}}, **here))
    (told,) = [each for each in laid_open.plan(held).diagnostics if each.code == "guest-open"]
    assert told.detail.startswith("Instance/shop/web-1 runs on kvm-01 and nothing filters lan")
    healed = laid_open.plan(fleet.desired(*base, fleet.volume(), fleet.instance(**here)))
    for planned in (world.plan(held), healed):
        assert "guest-open" not in [each.code for each in planned.diagnostics]
