"""The law of published observations: a plan against one is the plan on the hosts themselves."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reconciler.against import against
from reconciler.observation import Failed, Partial, Status
from reconciler.plan import Plan, Source
from reconciler.published.redaction import user_data
from tests.laws.strategies import HOSTS, built, everything, fleets, tampered
from tests.laws.test_comparison import simulators
from tests.laws.test_on_the_simulator import few, simulated
from tests.support.fleet import Manifest
from tests.support.publishing import published, travelled
from tests.support.world import World, facts_of


def without_digests(plan: Plan) -> Plan:
    """A plan without the digests of objects, which hang on their identities: these are not published."""
    steps = tuple(msgspec.structs.replace(step, expect="seen" if step.expect else None) for step in plan.steps)
    return msgspec.structs.replace(plan, steps=steps, basis=dict.fromkeys(plan.basis, ""))


def with_user_data_of(first: list[Manifest], then: list[Manifest]) -> list[Manifest]:
    """User data that the observation's commit does not declare is not published, so that here it always does."""
    made = {each["metadata"]["name"]: each["spec"].get("userData") for each in first if each["kind"] == "Instance"}
    return [_with_user_data(each, made) for each in then]


def _with_user_data(manifest: Manifest, made: dict[str, str | None]) -> Manifest:
    if manifest["kind"] != "Instance" or manifest["metadata"]["name"] not in made:
        return manifest
    spec = {key: value for key, value in manifest["spec"].items() if key != "userData"}
    told = made[manifest["metadata"]["name"]]
    return {**manifest, "spec": spec | ({"userData": told} if told else {})}


@few
@given(fleets(), fleets(), fleets())
def test_a_plan_against_what_was_published_is_the_plan_on_the_hosts(
    first: list[Manifest], then: list[Manifest], after: list[Manifest]
) -> None:
    then = with_user_data_of(first, then)
    with simulated() as hosts:
        hosts.apply(hosts.plan(simulators(first), everything(first)))
        hosts.apply(hosts.plan(simulators(then)))  # what waits for consent stands as it was
        real = hosts.plan(simulators(after))
        seen = published(simulators(then), [driver.observe() for driver in hosts.drivers.values()])
    told = against(simulators(after), travelled(seen), user_data(simulators(then)), Source(commit="c0ffee"))
    assert without_digests(told) == without_digests(real)


STATUSES: list[Status | None] = [None, None, Partial(("some of it",)), Failed("no route")]
WORLD = World(hosts=HOSTS, facts={host: msgspec.structs.replace(facts_of(host), driver="simulator") for host in HOSTS})


@given(fleets(), fleets(), st.data())
def test_so_it_is_after_drift_and_with_hosts_that_were_not_completely_seen(
    before: list[Manifest], after: list[Manifest], data: st.DataObject
) -> None:
    world = data.draw(tampered(built(before, WORLD)))
    statuses = {host: status for host in HOSTS if (status := data.draw(st.sampled_from(STATUSES)))}
    real = without_reasons(world.plan(simulators(after), statuses=statuses))
    seen = published(simulators(before), world.snapshots(statuses))
    told = against(simulators(after), travelled(seen), user_data(simulators(before)), Source(commit="c0ffee"))
    assert without_reasons(told) == real


def without_reasons(plan: Plan) -> Plan:
    """A plan without digests, and without why a host was not seen: that is not published."""
    told = tuple(
        msgspec.structs.replace(each, detail="") if each.code == "host-unseen" else each for each in plan.diagnostics
    )
    return msgspec.structs.replace(without_digests(plan), diagnostics=told)
