"""The laws of planning, on random fleets in a pure world."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler import planfile, planning
from reconciler.address import ObjectKey
from reconciler.guard import Allow
from reconciler.guard.allow import CONSENTABLE
from reconciler.impact import Impact
from reconciler.objects import Observed
from reconciler.observation import Failed, Partial, Status
from reconciler.plan import Granted, Plan
from reconciler.realise import closure
from tests.laws.strategies import HOSTS, built, everything, fleets, tampered, without_choices
from tests.support import fleet
from tests.support.fleet import Manifest
from tests.support.world import World


def standing(world: World, manifests: list[Manifest]) -> dict[ObjectKey, Observed]:
    """What stands and is declared."""
    return without_choices(world.objects.values(), world.plan(fleet.desired(*manifests)).retained)


@given(fleets(), fleets(), st.data())
def test_one_run_with_consent_closes_every_difference(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world = data.draw(tampered(built(before)))
    desired = fleet.desired(*after)
    world = world.applied(world.plan(desired, allow=everything(after)))
    again = world.plan(desired)
    assert again.empty, again.changes
    assert again.unchanged == len(world.objects) - len(again.retained)


@given(fleets(), fleets())
def test_without_consent_nothing_beyond_live_happens_and_what_waits_makes_no_work(
    before: list[Manifest], after: list[Manifest]
) -> None:
    world, desired = built(before), fleet.desired(*after)
    first = world.plan(desired)
    assert all(step.impact.rank <= Impact.LIVE.rank for step in first.steps)
    again = world.applied(first).plan(desired)
    assert again.steps == ()
    assert all(not isinstance(change.consent, Granted) for change in again.changes)


_POLICIES = st.sets(st.sampled_from(["interrupt", "restart", "rebuild", "replace", "migrate"]))


@given(fleets(), fleets(), st.data())
def test_beyond_live_goes_only_what_the_marks_on_the_object_allow(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world = built([_with_policy(each, data.draw(_POLICIES)) for each in before])
    planned = world.plan(fleet.desired(*(_with_policy(each, data.draw(_POLICIES)) for each in after)))
    for step in planned.steps:
        if step.impact.needs_consent:
            guards = world.objects[world.identity_of(step)].guards
            marks = {guard.removeprefix("allow:") for guard in guards if guard.startswith("allow:")}
            assert {each for each in CONSENTABLE if each.value in marks and each.rank >= step.impact.rank}


def _with_policy(each: Manifest, impacts: set[str]) -> Manifest:
    if each["kind"] != "Instance":
        return each
    return {**each, "spec": {**each["spec"], "updatePolicy": {"allow": sorted(impacts)}}}


@given(fleets(), fleets(), st.data())
def test_the_order_of_files_hosts_and_objects_changes_nothing(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world = built(before)
    usual = world.plan(fleet.desired(*after))
    snapshots = [
        msgspec.structs.replace(each, objects=tuple(data.draw(st.permutations(each.objects))))
        for each in data.draw(st.permutations(world.snapshots()))
    ]
    shuffled = fleet.desired(*data.draw(st.permutations(after)))
    other = planning.planned(shuffled, snapshots, dict.fromkeys(HOSTS, world.impacts), usual.source).plan
    assert planfile.dump(other) == planfile.dump(usual)


@given(fleets(), fleets())
def test_the_way_to_a_state_does_not_matter(before: list[Manifest], after: list[Manifest]) -> None:
    assert standing(built(after, built(before)), after) == standing(built(after), after)


@given(fleets(), fleets(), st.data())
def test_a_broken_step_stops_its_dependents_only_and_the_next_run_finishes(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world, desired, allow = built(before), fleet.desired(*after), everything(after)
    planned = world.plan(desired, allow=allow)
    assume(planned.steps)
    broken = data.draw(st.sampled_from([step.id for step in planned.steps]))
    world = world.applied(planned, broken=frozenset({broken}))
    world = world.applied(world.plan(desired, allow=allow))
    assert standing(world, after) == standing(built(after, built(before)), after)


@given(fleets(), fleets(), st.data())
def test_a_kill_in_the_middle_of_any_step_is_healed_by_the_next_run(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world, desired, allow = built(before), fleet.desired(*after), everything(after)
    planned = world.plan(desired, allow=allow)
    assume(planned.steps)
    world = world.applied(planned, crash=data.draw(st.sampled_from([step.id for step in planned.steps])))
    world = world.applied(world.plan(desired, allow=allow))
    assert standing(world, after) == standing(built(after, built(before)), after)
    assert world.plan(desired).empty


@given(fleets(), fleets())
def test_going_there_and_back_keeps_every_identity(here: list[Manifest], there: list[Manifest]) -> None:
    first = built(here)
    kept = first.objects.keys() & built(there, first).objects.keys()
    back = built(here, built(there, first))
    assert {key: back.objects[key].uid for key in kept} == {key: first.objects[key].uid for key in kept}


_UNSEEN: st.SearchStrategy[Status] = st.sampled_from([Failed(error="no route to host"), Partial(gaps=("domains",))])


@given(fleets(), fleets(), _UNSEEN, st.sampled_from(HOSTS))
def test_nothing_is_planned_on_a_host_that_was_not_completely_seen(
    before: list[Manifest], after: list[Manifest], status: Status, unseen: str
) -> None:
    planned = built(before).plan(fleet.desired(*after), allow=everything(after), statuses={unseen: status})
    assert planned.partial
    assert [change for change in planned.changes if change.key.host == unseen] == []


@given(fleets(), st.permutations(list(HOSTS)), st.sampled_from([*HOSTS, None]), st.booleans())
def test_an_instance_never_stands_twice_whatever_is_declared_and_whoever_is_unreachable(
    before: list[Manifest], order: list[str], unseen: str | None, declared: bool
) -> None:
    world, other = built(before), order[0]
    moved = [_on(each, other, declared) for each in before]
    failed: dict[str, Status] = {unseen: Failed(error="down")} if unseen else {}
    world = world.applied(world.plan(fleet.desired(*moved), statuses=failed))
    origins = [key.address for key in world.objects if key.address.kind == "Instance"]
    assert len(origins) == len(set(origins))


def _on(each: Manifest, host: str, declared: bool) -> Manifest:
    """An instance that is declared on another host, in a network of that host; or declared on none. Volumes say nothing
    of where they are.
    """
    if each["kind"] == "Volume":
        return {**each, "spec": {name: value for name, value in each["spec"].items() if name != "host"}}
    if each["kind"] != "Instance":
        return each
    network = "lan" if host == "kvm-01" else "far"
    spec = {**each["spec"], "networks": {network: {}}, "placement": {"host": host} if declared else {}}
    return {**each, "spec": spec}


@given(fleets(), fleets(deletionBudget={"count": 1, "percent": 50}))
def test_deletions_stay_within_the_budget(before: list[Manifest], after: list[Manifest]) -> None:
    world = built(before)
    planned, desired = world.plan(fleet.desired(*after)), fleet.desired(*after)
    owned = [key for key in world.objects if key.address.kind == "Instance"]
    gone = [s for s in planned.steps if s.verb == "delete" and s.key.address not in desired.resources]
    deleted = [step for step in gone if step.key.address.kind == "Instance"]
    assert len(deleted) <= max(1, len(owned) * 0.5)


@given(fleets(), fleets())
def test_a_budget_of_nothing_deletes_nothing_but_what_is_still_declared(
    before: list[Manifest], after: list[Manifest]
) -> None:
    strict = [fleet.fleet(deletionBudget={"count": 0, "percent": 0}), *after[1:]]
    desired = fleet.desired(*strict)
    planned = built(before).plan(desired)
    assert [s for s in planned.steps if s.verb == "delete" and s.key.address not in desired.resources] == []


@given(fleets(), st.data())
def test_a_change_of_one_instance_touches_only_it_and_what_it_names(
    before: list[Manifest], data: st.DataObject
) -> None:
    instances = [each for each in before if each["kind"] == "Instance"]
    assume(instances)
    chosen = data.draw(st.sampled_from(instances))
    edited = {**chosen, "spec": {**chosen["spec"], "flavor": "large", "securityGroups": ["default"]}}
    after = [edited if each is chosen else each for each in before]
    planned = built(before).plan(fleet.desired(*after), allow=everything(after))
    near = {a for manifests in (before, after) for a in _closure(manifests, chosen)}
    assert {change.key.address for change in planned.changes} <= near


def _closure(manifests: list[Manifest], chosen: Manifest) -> set[object]:
    return set(closure(fleet.desired(*manifests), [fleet.web(chosen["metadata"]["name"])]))


@given(fleets(), fleets())
def test_steps_come_after_what_they_name_and_a_saved_plan_reads_back(
    before: list[Manifest], after: list[Manifest]
) -> None:
    planned = built(before).plan(fleet.desired(*after), allow=everything(after))
    place = {step.id: index for index, step in enumerate(planned.steps)}
    assert all(place[earlier] < place[step.id] for step in planned.steps for earlier in step.after)
    assert planfile.load(planfile.dump(planned), fleet.FLEET_ID) == planned


@given(fleets(), fleets())
def test_a_plan_is_stale_exactly_when_what_it_touches_has_moved(before: list[Manifest], after: list[Manifest]) -> None:
    world, desired = built(before), fleet.desired(*after)
    planned = world.plan(desired, allow=everything(after))
    assert planfile.moved(planned, world.snapshots()) == []
    for done in planned.steps[:1]:
        moved = planfile.moved(planned, world.after(done).snapshots())
        assert str(_identity(planned, world, done.key)) in moved


def _identity(planned: Plan, world: World, key: ObjectKey) -> ObjectKey:
    step = next(step for step in planned.steps if step.key == key)
    return world.identity_of(step)


@given(fleets())
def test_an_empty_commit_deletes_nothing_without_the_exact_count(before: list[Manifest]) -> None:
    world = built(before)
    emptied = fleet.desired(*[each for each in before if each["kind"] in ("Fleet", "Host")])
    refused = world.plan(emptied)
    assert refused.steps == ()
    count = len(refused.changes)
    assert count == len(world.objects) - len(refused.retained)
    assert world.plan(emptied, allow=Allow(delete_count=count - 1)).steps == ()
    allowed = world.plan(emptied, allow=Allow(delete_count=count))
    assert sorted(each.key for each in world.applied(allowed).objects.values()) == list(refused.retained)
