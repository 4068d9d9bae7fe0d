"""Steps that may not be done now are left out, with all that comes after them."""

from __future__ import annotations

import pytest

from reconciler.address import Address, ObjectKey
from reconciler.plan import Plan, Source, Step
from reconciler.serve.patience import suspension
from reconciler.serve.patience.withholding import narrowed, withhold
from reconciler.serve.telling.status import Suspension


def step(name: str, *after: str, host: str = "kvm-01", project: str = "shop") -> Step:
    key = ObjectKey(host, Address("Instance", project, name))
    return Step(id=name, key=key, verb="create", after=after)


def plan(*steps: Step) -> Plan:
    return Plan(fleet="acme", fleet_id="", source=Source(commit="c"), steps=steps)


def names(steps: tuple[Step, ...]) -> list[str]:
    return [each.id for each in steps]


def test_what_may_be_done_is_left_as_it_is() -> None:
    whole = plan(step("a"), step("b", "a"))
    assert withhold(whole, lambda each: "").plan is whole


def test_what_comes_after_a_step_that_is_left_out_is_left_out_as_well() -> None:
    found = withhold(plan(step("c", "b"), step("b", "a"), step("a"), step("d")), lambda e: "no" if e.id == "a" else "")
    assert names(found.plan.steps) == ["d"]
    assert found.reasons[Address("Instance", "shop", "a")] == "no"
    assert "no" in found.reasons[Address("Instance", "shop", "c")]


def test_a_plan_that_lacks_steps_is_not_whole_so_that_its_commit_does_not_count_as_applied() -> None:
    assert withhold(plan(step("a")), lambda each: "no").plan.extent == "targeted"


def test_of_a_plan_what_was_named_is_done_and_what_that_comes_after() -> None:
    found = narrowed(plan(step("a"), step("b", "a"), step("c", "b"), step("d")), {Address("Instance", "shop", "b")})
    assert (names(found.steps), found.extent) == (["a", "b"], "targeted")


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("fleet", ["a", "b", "c"]),
        ("Host/kvm-02", ["b"]),
        ("Project/blog", ["c"]),
        ("Instance/shop/a", ["a"]),
        ("Instance/shop/other", []),
    ],
)
def test_a_suspension_covers_what_it_names(what: str, left: list[str]) -> None:
    suspensions = (Suspension(what=what, by="ann", time="now", reason="disks"),)
    steps = [step("a"), step("b", host="kvm-02"), step("c", project="blog")]
    assert [each.id for each in steps if suspension.why_not(suspensions, each)] == left


@pytest.mark.parametrize("what", ["", "shop", "Host", "Flavor/small", "Fleet/acme", "instance/shop/a", "Host/../x"])
def test_what_nothing_is_done_to_cannot_be_suspended(what: str) -> None:
    with pytest.raises(ValueError, match="Host/NAME"):
        suspension.named(what)


def test_who_suspends_again_without_a_reason_leaves_it_as_the_first_one_said() -> None:
    first = Suspension(what="fleet", by="ann", time="noon", reason="racks")
    other = Suspension(what="Host/a", by="ann", time="noon", reason="disks")
    new = Suspension(what="fleet", by="bob", time="night")
    assert suspension.added((first, other), new) == (other, first)
    told = suspension.again(first, new)
    assert told.startswith("Already so: fleet is suspended by ann since noon: racks. That stays so;")
    assert suspension.removed((first,), "fleet") == ()


def test_who_suspends_again_with_a_reason_is_named_with_theirs() -> None:
    first, new = (Suspension(what="fleet", by=by, time="now", reason=by) for by in ("ann", "bob"))
    assert suspension.added((first,), new) == (new,)
    assert "takes the place of that" in suspension.again(first, new)
    assert suspension.again(None, new) == ""
