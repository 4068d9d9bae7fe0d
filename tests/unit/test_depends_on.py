"""Who starts after whom, who waits for whom, and in which order they go."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.address import Address
from reconciler.guard import Allow
from reconciler.impact import Impact
from reconciler.objects import Observed, Readiness
from reconciler.observation import Failed, Partial, Status
from reconciler.plan import Plan, Refused, Step, Waiting
from tests.support import fleet
from tests.support.fleet import Manifest, web
from tests.support.world import World

PAIR = ("kvm-01", "kvm-02")
RESTART = Allow(impacts=frozenset((Impact.RESTART, web(name)) for name in ("app", "db")))


def app(**spec: Any) -> Manifest:
    return fleet.instance("app", dependsOn=["db"], **spec)


def db(**spec: Any) -> Manifest:
    return fleet.instance("db", readiness="tcp:5432", **spec)


def built(*more: Manifest) -> World:
    return World().applied(World().plan(fleet.usual(*more)))


def step(planned: Plan, name: str) -> Step:
    (found,) = [each for each in planned.steps if each.key.address == web(name)]
    return found


def test_a_guest_is_made_after_what_it_depends_on_and_each_has_to_become_ready() -> None:
    planned = World().plan(fleet.usual(app(), db()))
    assert step(planned, "db").id in step(planned, "app").after
    assert step(planned, "db").ready == Readiness(check="tcp:5432")
    assert step(planned, "app").ready == Readiness(check="running")
    assert step(planned, "app").awaits == ()


def test_what_stands_already_is_waited_for_by_itself() -> None:
    planned = built(db()).plan(fleet.usual(app(), db()))
    (awaited,) = step(planned, "app").awaits
    assert (awaited.key.address, awaited.readiness.check) == (web("db"), "tcp:5432")


def test_what_stands_and_only_changes_as_it_runs_is_waited_for_by_itself() -> None:
    edited = db(securityGroups=["web"])
    planned = built(db()).plan(fleet.usual(fleet.group("web"), app(), edited))
    assert step(planned, "db").ready is None
    assert step(planned, "db").id not in step(planned, "app").after
    assert len(step(planned, "app").awaits) == 1


def test_a_change_that_starts_no_guest_waits_for_nobody() -> None:
    edited = app(securityGroups=["web"])
    planned = built(db(), app()).plan(fleet.usual(fleet.group("web"), edited, db()))
    assert step(planned, "app").ready is None
    assert step(planned, "app").awaits == ()


@pytest.mark.parametrize("spec", [{"readiness": "none"}, {"powerState": "Stopped"}])
def test_what_need_not_become_ready_is_not_waited_for(spec: Any) -> None:
    other = fleet.instance("db", **spec)
    planned = World().plan(fleet.usual(app(), other))
    assert step(planned, "db").ready is None
    assert step(planned, "db").id in step(planned, "app").after
    assert step(built(other).plan(fleet.usual(app(), other)), "app").awaits == ()


def test_guests_restart_in_the_order_of_their_dependencies_and_stop_in_the_other() -> None:
    world = built(app(), db())
    bigger = fleet.desired(
        *(fleet.fleet(), fleet.host(), fleet.flavor(vcpus=2), fleet.image(), fleet.network(), app(), db())
    )
    restarted = world.plan(bigger, allow=RESTART)
    assert step(restarted, "db").id in step(restarted, "app").after
    stopped = world.plan(fleet.usual(app(powerState="Stopped"), db(powerState="Stopped")))
    assert step(stopped, "app").id in step(stopped, "db").after
    assert step(stopped, "app").ready is None


def test_guests_go_before_what_they_depended_on_though_nothing_declares_that_any_more() -> None:
    world = built(app(), db())
    planned = world.plan(fleet.desired(fleet.fleet(), fleet.host()), allow=Allow(delete_count=5))
    assert step(planned, "app").id in step(planned, "db").after


def test_marks_that_say_so_both_ways_order_nothing() -> None:
    world = built(app(), db())
    key, other = next((key, each) for key, each in world.objects.items() if each.key.address == web("db"))
    both = msgspec.structs.replace(other, guards=(f"after:{web('app')}",))
    world = msgspec.structs.replace(world, objects={**world.objects, key: both})
    planned = world.plan(fleet.desired(fleet.fleet(), fleet.host()), allow=Allow(delete_count=5))
    assert {step(planned, "app").after, step(planned, "db").after} == {()}


def test_a_renamed_guest_is_still_the_one_that_others_depend_on() -> None:
    world = built(app(), db())
    renamed = fleet.instance("store", origin="db", readiness="tcp:5432")
    moved = fleet.usual(fleet.instance("app", dependsOn=["store"]), renamed)
    planned = world.plan(moved)
    assert [each.key.address for each in planned.steps if each.verb != "update"] == []
    assert world.applied(planned).plan(moved).empty


def test_a_new_guest_waits_with_the_one_that_it_depends_on() -> None:
    lost = built(db())
    key, other = next((key, each) for key, each in lost.objects.items() if each.key.address == web("db"))
    left = msgspec.structs.replace(other, incomplete=True, running=None, stored={"disk.size": 1 << 40})
    lost = msgspec.structs.replace(lost, objects={**lost.objects, key: left})
    planned = lost.plan(fleet.usual(app(), db()))
    consents = {change.key.address.name: change.consent for change in planned.changes}
    assert isinstance(consents["db"], Waiting | Refused)
    assert consents["app"] == consents["db"] or isinstance(consents["app"], Refused)
    assert [each for each in planned.steps if each.key.address.kind == "Instance"] == []


def on_two(*more: Manifest) -> Any:
    return fleet.desired(
        fleet.fleet(),
        *(fleet.host(name) for name in PAIR),
        fleet.flavor(),
        fleet.image(),
        fleet.network(host="kvm-01"),
        fleet.network("far", host="kvm-02", cidr="10.20.0.0/24"),
        *more,
    )


@pytest.mark.parametrize("status", [Failed(error="down"), Partial(gaps=("domains",))])
def test_a_new_guest_waits_for_one_on_a_host_that_was_not_seen_and_says_so(status: Status) -> None:
    other = fleet.instance("db", networks={"far": {}})
    allow = Allow(impacts=frozenset({(Impact.MIGRATE, web("app"))}))
    planned = World(hosts=PAIR).plan(on_two(app(), other), allow=allow, statuses={"kvm-02": status})
    assert planned.held[str(web("app"))] == f"waits for {web('db')}"
    assert planned.held[str(web("db"))] == "kvm-02 was not completely seen"
    assert "dependency-held" in [each.code for each in planned.diagnostics]
    assert web("app") not in [change.key.address for change in planned.changes]


def test_a_guest_on_another_host_is_waited_for_there() -> None:
    other = fleet.instance("db", networks={"far": {}})
    planned = World(hosts=PAIR).plan(on_two(app(), other))
    assert step(planned, "db").key.host == "kvm-02"
    assert step(planned, "db").id in step(planned, "app").after


def test_what_stands_goes_on_when_what_it_depends_on_does_not() -> None:
    """To close a port matters more than whether a database is ready."""
    world = built(app(), db())
    gone = {key: each for key, each in world.objects.items() if key.address != Address("Instance", "shop", "db")}
    world = msgspec.structs.replace(world, objects=gone)
    edited = app(securityGroups=["web"])
    held = db(networks={"lan": {"address": "10.10.0.2"}})
    planned = world.plan(fleet.usual(fleet.group("web"), edited, held))
    assert step(planned, "app").verb == "update"


def test_who_gives_a_volume_to_what_it_depends_on_goes_first_after_all() -> None:
    stopped = fleet.instance("app", volumes={"data": {}}, powerState="Stopped")
    world = built(fleet.volume(), stopped)
    planned = world.plan(fleet.usual(fleet.volume(), app(), db(volumes={"data": {}})))
    assert step(planned, "app").id in step(planned, "db").after
    assert world.applied(planned).plan(fleet.usual(fleet.volume(), app(), db(volumes={"data": {}}))).empty


def test_a_new_guest_waits_with_one_whose_volume_another_does_not_give_up() -> None:
    world = built(fleet.volume(), fleet.instance("old", volumes={"data": {}}, protected=True))
    planned = world.plan(fleet.usual(fleet.volume(), app(), db(volumes={"data": {}})))
    consents = {change.key.address.name: change.consent for change in planned.changes}
    assert consents["db"] == Refused("Instance/shop/old has Volume/shop/data, and keeps it")
    assert consents["app"] == Refused("Instance/shop/db, which it depends on, is refused")
    assert [each.id for each in planned.steps if each.verb == "create"] == []


def test_what_is_renamed_is_waited_for_once_it_has_its_new_name() -> None:
    world = built(fleet.instance("old", readiness="tcp:5432"))
    planned = world.plan(fleet.usual(app(), fleet.instance("db", "shop/old", readiness="tcp:5432")))
    assert [each.key.address for each in step(planned, "app").awaits] == [web("db")]
    assert step(planned, "db").id in step(planned, "app").after


def test_what_is_held_under_its_old_name_is_waited_for_under_that() -> None:
    wire = fleet.network(mode="bridge", physicalNetwork="wire")
    base = [fleet.fleet(), fleet.flavor(), fleet.image(), wire, *map(fleet.host, PAIR)]
    here: dict[str, Any] = {"placement": {"host": PAIR[0]}, "readiness": "tcp:5432"}
    world = World(hosts=PAIR)
    world = world.applied(world.plan(fleet.desired(*base, fleet.volume(host=PAIR[1]), fleet.instance("old", **here))))
    renamed = fleet.instance("db", "shop/old", volumes={"data": {}}, **here)
    planned = world.plan(fleet.desired(*base, fleet.volume(), app(placement={"host": PAIR[0]}), renamed))
    assert str(web("db")) in planned.held
    (awaited,) = step(planned, "app").awaits
    assert awaited.key.address == web("old")


def test_no_guest_is_started_whose_dependency_is_left_stopped_and_all_else_goes_on() -> None:
    """A step that could only fail in each run would keep everything else of it from being done."""
    base = [fleet.fleet(), fleet.flavor(), fleet.image(), *map(fleet.host, PAIR), fleet.group("web")]
    base += [fleet.network(mode="bridge", physicalNetwork="wire"), fleet.flavor("large", memory="1Gi")]
    here: dict[str, Any] = {"placement": {"host": PAIR[0]}}
    world = World(hosts=PAIR)
    world = world.applied(world.plan(fleet.desired(*base, fleet.volume(host=PAIR[1]), app(**here), db(**here))))
    down = {key: _stopped(each) if each.key.address == web("db") else each for key, each in world.objects.items()}
    world = msgspec.structs.replace(world, objects=down)
    edited = app(securityGroups=["web"], flavor="large", **here)
    planned = world.plan(fleet.desired(*base, fleet.volume(), edited, db(volumes={"data": {}}, **here)), allow=RESTART)
    assert str(web("db")) in planned.held
    (change,) = [each for each in planned.changes if each.key.address == web("app")]
    consents = {field.path: field.consent for field in change.fields}
    assert consents["memory"] == Refused("Instance/shop/db, which it depends on, does not run")
    assert step(planned, "app").paths == ("nics.lan.securityGroups",)
    assert (step(planned, "app").ready, step(planned, "app").awaits) == (None, ())
    freed = world.plan(fleet.desired(*base, fleet.volume(), edited, db(**here)), allow=RESTART)
    assert step(freed, "db").id in step(freed, "app").after
    stopped = app(powerState="Stopped", **here)
    stops = world.plan(fleet.desired(*base, fleet.volume(), stopped, db(volumes={"data": {}}, **here)), allow=RESTART)
    assert "powerState" in step(stops, "app").paths


def test_what_stands_waits_for_no_remains_of_what_it_depends_on() -> None:
    """Nobody can say whether those are ready, and a step that asks fails in every run."""
    world = built(app(), db())
    key = next(key for key in world.objects if key.address == web("db"))
    left = msgspec.structs.replace(world.objects[key], incomplete=True, running=None, stored={})
    world = msgspec.structs.replace(world, objects={**world.objects, key: left})
    held = db(networks={"lan": {"address": "10.10.0.2"}})
    planned = world.plan(fleet.usual(fleet.flavor("large", memory="1Gi"), app(flavor="large"), held), allow=RESTART)
    assert str(web("db")) in planned.held
    assert (step(planned, "app").verb, step(planned, "app").awaits) == ("update", ())


def _stopped(each: Observed) -> Observed:
    return msgspec.structs.replace(each, running=None, stored={**each.stored, "powerState": "Stopped"})
