"""Guests that are down without having been asked to: who is started again, and what is told of those that are not."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from reconciler.address import ObjectKey
from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.impact import Impact
from reconciler.objects import ENDED_BY_GUEST, STARTING, Ended, Observed, RestartPolicy
from reconciler.plan import Plan, Waiting
from reconciler.report.drift import drift_of
from reconciler.report.plan_json import plan_value
from reconciler.report.why import reasons
from tests.support import fleet
from tests.support.fleet import Manifest, web
from tests.support.world import World, fallen

KEY = ObjectKey("kvm-01", web())
RESTART = Allow(impacts=frozenset({(Impact.RESTART, web())}))
ENDINGS: tuple[Ended, ...] = ("guest", "crash", "host", "unknown", "")


def of(policy: str | None = None, *more: Manifest, **spec: Any) -> Desired:
    said = {"restartPolicy": policy} if policy else {}
    return fleet.usual(fleet.instance(**said, **spec), *more)


def down(desired: Desired, ended: Ended, **changed: Any) -> World:
    """The world in which the guest ran and came to its end."""
    world = World().applied(World().plan(desired))
    return with_guest(world, **{**msgspec.structs.asdict(fallen(world.objects[KEY], ended)), **changed})


def with_guest(world: World, **changed: Any) -> World:
    found = msgspec.structs.replace(world.objects[KEY], **changed)
    return msgspec.structs.replace(world, objects={**world.objects, KEY: found})


def guest(world: World) -> Observed:
    return world.objects[KEY]


def codes(planned: Plan) -> list[str]:
    return [each.code for each in planned.diagnostics]


STARTED: dict[RestartPolicy, tuple[Ended, ...]] = {
    "Always": ENDINGS,
    "OnCrash": ("crash", "host", "unknown", ""),
    "Never": (),
}


@pytest.mark.parametrize("policy", get_args(RestartPolicy))
@pytest.mark.parametrize("ended", ENDINGS)
def test_the_policy_decides_by_how_the_guest_ended_who_is_started_again(policy: RestartPolicy, ended: Ended) -> None:
    desired = of(policy)
    planned = down(desired, ended).plan(desired)
    world = down(desired, ended).applied(planned)
    again = world.plan(desired)
    assert again.empty
    assert again.steps == ()
    if ended in STARTED[policy]:
        assert guest(world).running is not None
        assert codes(planned) == codes(again) == []
    else:
        assert guest(world).running is None
        assert codes(planned) == codes(again) == ["left-down"]
        assert list(again.left_down) == [str(web())]


def test_on_crash_is_what_counts_where_nothing_is_declared() -> None:
    assert down(of(), "guest").plan(of()).left_down == down(of("OnCrash"), "guest").plan(of("OnCrash")).left_down != {}


def test_that_a_guest_shut_down_is_noted_on_it_so_that_it_stays_down_when_the_hypervisor_forgets() -> None:
    world = down(of(), "guest")
    planned = world.plan(of())
    (step,) = planned.steps
    assert step.impact is Impact.NONE
    assert step.ready is None
    noted = world.applied(planned)
    assert ENDED_BY_GUEST in guest(noted).guards
    forgotten = with_guest(noted, ended="unknown").plan(of())
    assert forgotten.empty
    assert forgotten.left_down


def test_what_the_hypervisor_knows_counts_more_than_what_was_noted() -> None:
    noted = down(of(), "guest").applied(down(of(), "guest").plan(of()))
    planned = with_guest(noted, ended="crash").plan(of())
    assert guest(noted.applied(planned)).running is not None


def test_who_runs_again_bears_no_mark_any_more() -> None:
    noted = down(of(), "guest").applied(down(of(), "guest").plan(of()))
    fields = {**guest(noted).stored, "powerState": "Running"}
    live = {path: value for path, value in fields.items() if path != "powerState"}
    by_hand = with_guest(noted, stored=fields, running=live, ended="")
    cleared = by_hand.applied(by_hand.plan(of()))
    assert guest(cleared).guards == ()
    assert cleared.plan(of()).empty


@pytest.mark.parametrize("policy", ["OnCrash", "Never"])
def test_consent_to_a_restart_starts_one_that_is_left_down(policy: str) -> None:
    world = down(of(policy), "guest")
    noted = world.applied(world.plan(of(policy)))
    for before in (world, noted):
        planned = before.plan(of(policy), allow=RESTART)
        assert planned.left_down == {}
        assert "left-down" not in codes(planned)
        after = before.applied(planned)
        assert guest(after).running is not None
        assert guest(after).guards == ()
        assert after.plan(of(policy)).empty


def test_who_consented_in_a_commit_to_its_start_is_told_and_only_where_that_was_needed() -> None:
    by_commit = Allow().with_given([(RESTART, "ann in commit 0123456789ab")])
    (change,) = down(of("Never"), "guest").plan(of("Never"), allow=by_commit).changes
    assert change.reason.endswith("consented to by ann in commit 0123456789ab")
    (change,) = down(of("Never"), "guest").plan(of("Never"), allow=RESTART).changes
    assert "consented" not in change.reason
    (change,) = down(of("Always"), "guest").plan(of("Always"), allow=by_commit).changes
    assert "consented" not in change.reason


def test_the_plan_says_with_which_words_it_is_started() -> None:
    planned = down(of(), "guest").plan(of())
    (notice,) = planned.diagnostics
    assert notice.severity == "warning"
    assert f"--allow restart={web()}" in notice.detail
    assert "shut down from within" in notice.detail
    assert plan_value(planned)["leftDown"] == [{"address": str(web()), "why": planned.left_down[str(web())]}]
    assert reasons(down(of(), "guest").applied(planned).plan(of()))[web()].startswith("left down")
    assert drift_of(planned).diagnostics == (notice,)


def test_what_it_allows_in_advance_starts_nobody() -> None:
    desired = of(updatePolicy={"allow": ["restart", "rebuild"]})
    assert down(desired, "guest").plan(desired).left_down


def test_a_guest_that_is_left_down_is_changed_and_stays_down() -> None:
    grown = fleet.desired(
        fleet.fleet(), fleet.host(), fleet.flavor(vcpus=2), fleet.image(), fleet.network(), fleet.instance()
    )
    world = down(of(), "guest")
    planned = world.plan(grown)
    after = world.applied(planned)
    (change,) = planned.changes
    assert [field.path for field in change.fields] == ["vcpus", "guards"]
    assert guest(after).running is None
    assert guest(after).stored["vcpus"] == 2
    assert after.plan(grown).empty


def test_a_power_state_that_a_commit_changes_is_followed() -> None:
    stopped = of(powerState="Stopped")
    world = down(of(), "guest")
    noted = world.applied(world.plan(of()))
    off = noted.applied(noted.plan(stopped))
    assert guest(off).guards == ()
    assert off.plan(stopped).empty
    on = with_guest(off, ended="guest")
    assert guest(on.applied(on.plan(of()))).running is not None


@pytest.mark.parametrize("policy", ["OnCrash", "Never"])
def test_a_start_that_was_cut_off_is_finished(policy: str) -> None:
    cut = down(of(policy), "guest", guards=(STARTING,))
    planned = cut.plan(of(policy))
    assert planned.left_down == {}
    after = cut.applied(planned)
    assert guest(after).running is not None
    assert guest(after).guards == ()


def test_nobody_is_started_who_depends_on_one_that_is_left_down_and_the_words_for_both_are_told() -> None:
    shop = fleet.instance("shop", dependsOn=["web-1"])
    world = down(of(None, shop), "guest")
    key = ObjectKey("kvm-01", web("shop"))
    world = msgspec.structs.replace(world, objects={**world.objects, key: fallen(world.objects[key], "crash")})
    planned = world.plan(of(None, shop))
    (waiting,) = [each for each in planned.changes if each.key == key]
    assert waiting.consent == Waiting(f"--allow restart={web()}")
    after = world.applied(world.plan(of(None, shop), allow=RESTART))
    assert all(each.running is not None for each in after.objects.values() if each.key.address.kind == "Instance")


def test_who_runs_and_depends_on_one_that_is_left_down_runs_on() -> None:
    shop = fleet.instance("shop", dependsOn=["web-1"])
    world = down(of(None, shop), "guest")
    assert world.applied(world.plan(of(None, shop))).plan(of(None, shop)).empty


def test_several_that_ended_alike_are_told_at_once() -> None:
    others = [fleet.instance(f"web-{number}") for number in range(2, 20)]
    world = down(of(None, *others), "guest")
    ended = {
        key: fallen(each, "guest") if key.address.kind == "Instance" else each for key, each in world.objects.items()
    }
    (notice,) = msgspec.structs.replace(world, objects=ended).plan(of(None, *others)).diagnostics
    assert "and 9 more" in notice.detail
