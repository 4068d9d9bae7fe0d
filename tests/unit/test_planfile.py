from __future__ import annotations

import re

import msgspec
import pytest

from reconciler import planfile
from reconciler.observation import Failed
from reconciler.plan import Plan
from tests.support import fleet
from tests.support.fleet import FLEET_ID
from tests.support.world import World


@pytest.fixture
def plan() -> Plan:
    return World().plan(fleet.usual(fleet.instance(), fleet.instance("web-2", powerState="Stopped")))


def test_a_saved_plan_reads_back_and_saves_to_the_same_bytes(plan: Plan) -> None:
    data = planfile.dump(plan)
    assert planfile.load(data, FLEET_ID) == plan
    assert planfile.dump(planfile.load(data, FLEET_ID)) == data


def test_a_plan_of_another_fleet_is_refused(plan: Plan) -> None:
    with pytest.raises(ValueError, match="it is a plan for fleet"):
        planfile.load(planfile.dump(plan), "00000000-0000-0000-0000-000000000000")


def test_a_truncated_plan_is_refused_wherever_it_was_cut(plan: Plan) -> None:
    data = planfile.dump(plan)
    for length in range(0, len(data) - 2, 97):
        with pytest.raises(ValueError, match="it is no whole plan file"):
            planfile.load(data[:length], FLEET_ID)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (rb'"vcpus": ?1', b'"vcpus":64', "digest does not match"),
        (rb'"verb": ?"create"', b'"verb":"delete"', "digest does not match"),
        (rb'"verb": ?"create"', b'"verb":"destroy"', "cannot be read"),
        (rb'"tool": ?"[^"]*"', b'"tool":"9.9.9"', "made by version 9.9.9"),
        (rb'"formatVersion": ?1', b'"formatVersion":2', "format version 2"),
    ],
)
def test_an_edited_plan_is_refused_with_the_reason(plan: Plan, before: bytes, after: bytes, told: str) -> None:
    edited, count = re.subn(before, after, planfile.dump(plan), count=1)
    assert count == 1
    with pytest.raises(ValueError, match=told):
        planfile.load(edited, FLEET_ID)


def test_an_edit_of_the_outer_fleet_alone_is_noticed(plan: Plan) -> None:
    other = "00000000-0000-0000-0000-000000000000"
    edited = planfile.dump(plan).replace(FLEET_ID.encode(), other.encode(), 1)
    with pytest.raises(ValueError, match="digest does not match"):
        planfile.load(edited, other)


def test_nothing_has_moved_on_hosts_that_are_as_they_were(plan: Plan) -> None:
    assert planfile.moved(plan, World().snapshots()) == []


def test_a_plan_that_was_applied_has_moved(plan: Plan) -> None:
    assert planfile.moved(plan, World().applied(plan).snapshots()) == sorted(plan.basis)


def test_what_cannot_be_seen_counts_as_moved(plan: Plan) -> None:
    unseen = World().snapshots({"kvm-01": Failed(error="down")})
    assert planfile.moved(plan, unseen) == sorted(plan.basis)


def test_a_change_by_hand_to_a_touched_object_moves_the_basis() -> None:
    desired = fleet.usual(fleet.instance())
    world = World().applied(World().plan(desired))
    stopped = fleet.usual(fleet.instance(powerState="Stopped"))
    plan = world.plan(stopped)
    key = next(key for key in world.objects if key.address == fleet.web())
    changed = msgspec.structs.replace(world.objects[key], running=None)
    world = msgspec.structs.replace(world, objects={**world.objects, key: changed})
    assert planfile.moved(plan, world.snapshots()) == ["Instance/shop/web-1@kvm-01"]


def test_a_plan_to_make_what_stands_on_another_host_by_now_has_moved() -> None:
    desired = fleet.desired(
        *(fleet.fleet(), fleet.host("a"), fleet.host("b"), fleet.flavor(), fleet.image()),
        *(fleet.network(mode="bridge", physicalNetwork="wire"), fleet.instance(placement={"host": "a"})),
    )
    before = World(hosts=("a", "b"))
    plan = before.plan(desired)
    elsewhere = fleet.desired(
        *(fleet.fleet(), fleet.host("a"), fleet.host("b"), fleet.flavor(), fleet.image()),
        *(fleet.network(mode="bridge", physicalNetwork="wire"), fleet.instance(placement={"host": "b"})),
    )
    after = before.applied(before.plan(elsewhere))
    assert planfile.moved(plan, before.snapshots()) == []
    assert planfile.moved(plan, after.snapshots()) == ["Instance/shop/web-1 stands on b by now; plan again"]
    unseen = [msgspec.structs.replace(each, status=Failed("no answer")) for each in before.snapshots()[1:]]
    assert planfile.moved(plan, [*before.snapshots()[:1], *unseen]) == [
        "whether Instance/shop/web-1 stands on b by now could not be seen; plan again"
    ]


def test_a_plan_that_gives_an_address_which_another_has_by_now_has_moved() -> None:
    world = World()
    plan = world.plan(fleet.usual(fleet.instance("one")))
    after = world.applied(world.plan(fleet.usual(fleet.instance("two"))))
    assert "10.10.0.2 of Network/shop/lan is Instance/shop/two's by now; plan again" in planfile.moved(
        plan, after.snapshots()
    )
