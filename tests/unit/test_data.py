"""What happens to volumes: nothing that holds data goes, or gives way, unasked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler import planning
from reconciler.address import Address, ObjectKey
from reconciler.guard import Allow
from reconciler.impact import Impact, Row
from reconciler.observation import Foreign
from reconciler.plan import Granted, Plan, Refused, Source, Waiting
from reconciler_simulator.impacts import IMPACTS
from tests.support import fleet
from tests.support.fleet import Manifest, web
from tests.support.world import World

DATA = Address("Volume", "shop", "data")
KEY = ObjectKey("kvm-01", DATA)
USED: dict[str, Any] = {"volumes": {"data": {}}}


def built(*more: Manifest, world: World | None = None) -> World:
    world = world or World()
    return world.applied(world.plan(fleet.usual(*more), allow=Allow(deletes=frozenset({web(), DATA}))))


def without(world: World, key: ObjectKey) -> World:
    return msgspec.structs.replace(world, objects={k: each for k, each in world.objects.items() if k != key})


def change(planned: Plan, address: Address) -> Any:
    (found,) = [each for each in planned.changes if each.key.address == address]
    return found


def field(planned: Plan, address: Address, path: str) -> Any:
    (found,) = [each for each in change(planned, address).fields if each.path == path]
    return found


def test_a_retained_volume_is_no_change_and_is_listed() -> None:
    world = built(fleet.volume())
    planned = world.plan(fleet.usual())
    assert planned.changes == ()
    assert planned.retained == (KEY,)
    assert planned.unchanged == len(world.objects) - 1


def test_a_retained_volume_outlives_the_deletion_of_its_instance_and_of_all_else() -> None:
    world = built(fleet.volume(), fleet.instance(**USED))
    emptied = fleet.desired(fleet.fleet(), fleet.host())
    world = world.applied(world.plan(emptied, allow=Allow(delete_count=4)))
    assert list(world.objects) == [KEY]


def test_a_volume_is_deleted_once_a_commit_has_said_so_on_it_and_not_before() -> None:
    world = built(fleet.volume(deletionPolicy="Delete"))
    planned = world.plan(fleet.usual())
    assert [step.id for step in planned.steps] == [f"delete {KEY}"]
    lifted = world.applied(world.plan(fleet.usual(fleet.volume())))
    assert lifted.plan(fleet.usual()).retained == (KEY,)


def test_a_protected_volume_is_kept_even_where_its_deletion_was_declared() -> None:
    world = built(fleet.volume(deletionPolicy="Delete", protected=True))
    planned = world.plan(fleet.usual())
    assert isinstance(change(planned, DATA).consent, Refused)
    assert planned.steps == ()
    assert world.plan(fleet.usual(), allow=Allow(deletes=frozenset({DATA}))).steps != ()


def test_a_volume_goes_after_the_instance_that_lets_go_of_it() -> None:
    world = built(fleet.volume(deletionPolicy="Delete"), fleet.instance(**USED))
    (update, delete) = world.plan(fleet.usual(fleet.instance())).steps
    assert (update.verb, delete.id) == ("update", f"delete {KEY}")
    assert update.id in delete.after


def test_a_volume_stays_while_the_instance_that_uses_it_may_not_be_deleted() -> None:
    world = built(fleet.volume(deletionPolicy="Delete"), fleet.instance(protected=True, **USED))
    planned = world.plan(fleet.usual())
    assert isinstance(change(planned, DATA).consent, Refused)
    assert "web-1" in change(planned, DATA).reason


def test_an_instance_that_gets_a_volume_which_stands_is_told_to_take_its_data() -> None:
    world = built(fleet.volume())
    planned = world.plan(fleet.usual(fleet.volume(), fleet.instance(**USED)))
    told = "stands already on kvm-01, and is attached with its data"
    assert field(planned, web(), "volumes.data.volume").reason == told
    assert told in change(planned, web()).reason
    joined = built(fleet.volume(), fleet.instance())
    later = joined.plan(fleet.usual(fleet.volume(), fleet.instance(**USED)))
    assert field(later, web(), "volumes.data.volume").reason.endswith(told)


def test_a_new_volume_is_not_said_to_have_data() -> None:
    planned = World().plan(fleet.usual(fleet.volume(), fleet.instance(**USED)))
    assert field(planned, web(), "volumes.data.volume").reason == ""


def test_a_volume_that_is_gone_under_an_instance_waits_and_so_does_nothing_else() -> None:
    world = without(built(fleet.volume(), fleet.instance(**USED)), KEY)
    desired = fleet.usual(fleet.volume(), fleet.instance(**USED))
    planned = world.plan(desired)
    assert change(planned, DATA).consent == Waiting("--allow rebuild=Volume/shop/data")
    assert "it is gone" in change(planned, DATA).reason
    assert planned.steps == ()
    asked = world.plan(desired, allow=Allow(impacts=frozenset({(Impact.REBUILD, DATA)})))
    assert [step.id for step in asked.steps] == [f"create {KEY}"]


def test_a_volume_that_is_gone_and_that_nobody_has_is_made_anew() -> None:
    world = without(built(fleet.volume()), KEY)
    assert [step.id for step in world.plan(fleet.usual(fleet.volume())).steps] == [f"create {KEY}"]


def test_a_volume_whose_making_was_cut_off_is_finished() -> None:
    planned = World().plan(fleet.usual(fleet.volume(), fleet.instance(**USED)))
    world = World().applied(planned, crash=f"create {KEY}")
    assert world.objects[KEY].incomplete
    assert (
        world.applied(world.plan(fleet.usual(fleet.volume(), fleet.instance(**USED)))).objects[KEY].incomplete is False
    )


def test_what_is_left_of_a_volume_whose_making_was_cut_off_goes_when_nobody_declares_it() -> None:
    world = World().applied(World().plan(fleet.usual(fleet.volume())), crash=f"create {KEY}")
    assert [step.id for step in world.plan(fleet.usual()).steps] == [f"delete {KEY}"]


@pytest.mark.parametrize("spec", [{"size": "512Mi"}, {"format": "raw"}])
def test_a_volume_never_shrinks_and_never_moves_its_content(spec: Any) -> None:
    planned = built(fleet.volume()).plan(fleet.usual(fleet.volume(**spec)))
    assert isinstance(change(planned, DATA).consent, Refused)
    assert planned.steps == ()


def pair(first: str | None, second: str | None, **spec: Any) -> list[Manifest]:
    """Instances a and b with these volumes, out of two."""
    guests = [
        fleet.instance(name, volumes={"disk": {"volume": volume}} if volume else {}, **spec)
        for name, volume in (("a", first), ("b", second))
        if volume != "gone"
    ]
    return [fleet.volume("data"), fleet.volume("more"), *guests]


def test_a_volume_that_goes_from_one_instance_to_another_is_let_go_of_first() -> None:
    planned = built(*pair("data", None)).plan(fleet.usual(*pair(None, "data")))
    first, second = (step for step in planned.steps if step.key.address.kind == "Instance")
    assert (first.key.address, second.key.address) == (web("a"), web("b"))
    assert first.id in second.after


def test_an_instance_that_follows_another_with_its_volume_is_made_after_that_is_gone() -> None:
    world = built(*pair("data", "gone"))
    planned = world.plan(fleet.usual(*pair("gone", "data")))
    (create,) = (step for step in planned.steps if step.id.startswith("create Instance"))
    assert "delete Instance/shop/a@kvm-01" in create.after


def test_a_volume_is_not_given_on_while_the_instance_that_has_it_may_not_change() -> None:
    world = built(*pair("data", "gone", protected=True))
    planned = world.plan(fleet.usual(*pair("gone", "data")))
    assert isinstance(change(planned, web("b")).consent, Refused)
    assert "Instance/shop/a's" in change(planned, web("b")).reason
    assert [step for step in planned.steps if step.verb == "create"] == []


def test_instances_that_swap_volumes_keep_them_and_all_else_of_them_goes_on() -> None:
    world = built(*pair("data", "more"))
    moved = fleet.usual(fleet.group("web"), *pair("more", "data", securityGroups=["web"]))
    planned = world.plan(moved)
    for name in "ab":
        granted = [each.path for each in change(planned, web(name)).fields if isinstance(each.consent, Granted)]
        assert granted == ["nics.lan.securityGroups"]
    assert "in a commit of its own" in change(planned, web("a")).consent.why


def test_who_waits_for_a_volume_keeps_its_own_and_the_next_one_waits_too() -> None:
    third = fleet.instance("c", volumes={"disk": {"volume": "more"}})
    world = built(*pair("data", "more", protected=True))
    before = pair("gone", "data", protected=True)
    planned = world.plan(fleet.usual(*before, third))
    assert [step for step in planned.steps if step.key.address in (web("b"), web("c"))] == []


def with_image(volume: Manifest, content: str, *more: Manifest) -> Any:
    parts = fleet.host(), fleet.flavor(), fleet.image(content=content), fleet.image("alpine"), fleet.network()
    return fleet.desired(fleet.fleet(), *parts, volume, *more)


def test_a_volume_started_from_its_image_once_and_no_new_content_of_that_is_a_change() -> None:
    volume = fleet.volume(image="debian")
    world = World().applied(World().plan(with_image(volume, "a")))
    planned = world.plan(with_image(volume, "b"))
    assert DATA not in [each.key.address for each in planned.changes]
    other = world.plan(with_image(fleet.volume(image="alpine"), "a"))
    assert isinstance(change(other, DATA).consent, Refused)


def test_no_driver_gets_a_volume_with_data_replaced_whatever_it_declares() -> None:
    rows = tuple(row for row in IMPACTS if (row.kind, row.path) != ("Volume", "format"))
    careless = (*rows, Row(kind="Volume", path="format", impact=Impact.REPLACE))
    world = msgspec.structs.replace(built(fleet.volume()), impacts=careless)
    consent = Allow(impacts=frozenset({(Impact.REPLACE, DATA)}), deletes=frozenset({DATA}))
    planned = world.plan(fleet.usual(fleet.volume(format="raw")), allow=consent)
    assert isinstance(change(planned, DATA).consent, Refused)
    assert planned.steps == ()


def test_a_volume_is_not_said_to_be_gone_where_something_bears_its_name() -> None:
    world = without(built(fleet.volume(), fleet.instance(**USED)), KEY)
    namesake = Foreign("volume", "6b1f6f6e.shop.data", "nothing says that it is ours", KEY)
    snapshots = [msgspec.structs.replace(each, foreign=(namesake,)) for each in world.snapshots()]
    desired = fleet.usual(fleet.volume(), fleet.instance(**USED))
    planned = planning.planned(desired, snapshots, {"kvm-01": IMPACTS}, Source(commit="c0ffee")).plan
    assert isinstance(change(planned, DATA).consent, Refused)
    assert "gone" not in change(planned, DATA).reason


def test_a_disk_that_waits_for_its_volume_waits_as_a_whole_and_alone() -> None:
    world = built(fleet.instance(), fleet.group("web"))
    desired = fleet.usual(fleet.volume(), fleet.group("web"), fleet.instance(securityGroups=["web"], **USED))
    namesake = Foreign("volume", "6b1f6f6e.shop.data", "nothing says that it is ours", KEY)
    snapshots = [msgspec.structs.replace(each, foreign=(namesake,)) for each in world.snapshots()]
    planned = planning.planned(desired, snapshots, {"kvm-01": IMPACTS}, Source(commit="c0ffee")).plan
    granted = [each.path for each in change(planned, web()).fields if isinstance(each.consent, Granted)]
    assert granted == ["nics.lan.securityGroups"]
