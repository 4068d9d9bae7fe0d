"""Consent given in advance: by a mark that an earlier commit left on the instance."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.impact import Impact
from reconciler.plan import Granted, Plan, Refused, Waiting
from tests.support import fleet
from tests.support.fleet import Manifest, web
from tests.support.world import World


def allows(*impacts: str) -> dict[str, Any]:
    return {"updatePolicy": {"allow": list(impacts)}}


def of(instance: Manifest | None, vcpus: int = 1, content: str = "a") -> Desired:
    more = [instance] if instance else []
    parts = fleet.host(), fleet.flavor(vcpus=vcpus), fleet.image(content=content), fleet.network()
    return fleet.desired(fleet.fleet(), *parts, *more)


def built(instance: Manifest) -> World:
    return World().applied(World().plan(of(instance)))


def consent(planned: Plan) -> Any:
    (change,) = [each for each in planned.changes if each.key.address == web()]
    return change.consent


def reason(planned: Plan) -> str:
    (change,) = [each for each in planned.changes if each.key.address == web()]
    return change.reason


def test_what_the_object_allows_needs_no_further_consent_and_the_plan_says_why() -> None:
    planned = built(fleet.instance(**allows("restart"))).plan(of(fleet.instance(**allows("restart")), vcpus=2))
    assert consent(planned) == Granted()
    assert reason(planned).endswith("its updatePolicy allows restart")


def test_a_policy_that_comes_with_the_change_does_not_count_yet_and_does_from_the_next_commit() -> None:
    world, desired = built(fleet.instance()), of(fleet.instance(**allows("restart")), vcpus=2)
    first = world.plan(desired)
    assert isinstance(consent(first), Waiting)
    assert consent(world.applied(first).plan(desired)) == Granted()


def test_a_policy_that_goes_with_the_change_counts_once_more() -> None:
    world = built(fleet.instance(**allows("restart")))
    assert consent(world.plan(of(fleet.instance(), vcpus=2))) == Granted()
    lifted = world.applied(world.plan(of(fleet.instance())))
    assert isinstance(consent(lifted.plan(of(fleet.instance(), vcpus=2))), Waiting)


@pytest.mark.parametrize(
    ("impacts", "granted"),
    [(("rebuild",), True), (("restart",), False), (("migrate", "interrupt"), False), ((), False)],
)
def test_a_policy_covers_its_impact_and_the_smaller_ones(impacts: tuple[str, ...], granted: bool) -> None:
    instance = fleet.instance(**allows(*impacts))
    planned = built(instance).plan(of(instance, vcpus=2, content="b"))
    assert (consent(planned) == Granted()) is granted


def test_no_policy_allows_a_deletion() -> None:
    every = allows("interrupt", "migrate", "restart", "rebuild", "replace")
    world = built(fleet.instance(protected=True, **every))
    assert isinstance(consent(world.plan(of(None))), Refused)


def test_what_the_run_is_given_is_not_said_to_come_from_the_policy() -> None:
    instance = fleet.instance(**allows("restart"))
    given = Allow(impacts=frozenset({(Impact.RESTART, web())}))
    assert "updatePolicy" not in reason(built(instance).plan(of(instance, vcpus=2), allow=given))


def test_marks_that_mean_nothing_to_us_allow_nothing() -> None:
    world = built(fleet.instance())
    key, each = next((key, each) for key, each in world.objects.items() if key.address == web())
    marked = msgspec.structs.replace(each, guards=("allow:", "allow:refused", "allow:delete", "restart"))
    world = msgspec.structs.replace(world, objects={**world.objects, key: marked})
    assert isinstance(consent(world.plan(of(fleet.instance(), vcpus=2))), Waiting)


def test_a_policy_leaves_no_difference_behind() -> None:
    instance = fleet.instance(protected=True, **allows("restart", "interrupt"))
    assert built(instance).plan(of(instance)).empty
