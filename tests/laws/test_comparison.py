"""The laws of comparing two commits with no host looked at: it tells what a real plan would, without a real host."""

from __future__ import annotations

from hypothesis import given

from reconciler.comparison import between
from reconciler.desired import Desired
from reconciler.plan import Plan, Source
from tests.laws.strategies import HOSTS, everything, fleets
from tests.laws.test_on_the_simulator import few, simulated
from tests.support import fleet
from tests.support.fleet import Manifest


def simulators(manifests: list[Manifest]) -> Desired:
    """The same fleet, with drivers that its manifests name."""
    hosts = [fleet.host(name, driver="simulator") for name in HOSTS]
    return fleet.desired(*hosts, *(each for each in manifests if each["kind"] != "Host"))


def compared(before: list[Manifest], after: list[Manifest]) -> Plan:
    return between(simulators(before), simulators(after), Source(commit="c0ffee", base="decaf"))


def actions(plan: Plan) -> set[tuple[str, str]]:
    return {(change.action, str(change.key)) for change in plan.changes}


@given(fleets())
def test_a_commit_compared_with_itself_changes_nothing(manifests: list[Manifest]) -> None:
    planned = compared(manifests, manifests)
    assert planned.changes == ()
    assert planned.steps == ()


@given(fleets())
def test_compared_with_an_empty_fleet_everything_is_made(manifests: list[Manifest]) -> None:
    nothing = [each for each in manifests if each["kind"] in ("Fleet", "Host")]
    planned = compared(nothing, manifests)
    assert {change.action for change in planned.changes} == {"create"}


@few
@given(fleets(), fleets())
def test_two_commits_differ_by_what_a_plan_on_hosts_of_the_first_says(
    before: list[Manifest], after: list[Manifest]
) -> None:
    with simulated() as hosts:
        first = simulators(before)
        hosts.apply(hosts.plan(first, everything(before)))
        assert hosts.plan(first).empty
        real = hosts.plan(simulators(after))
    told = compared(before, after)
    assert actions(told) == actions(real)
    certain = {(str(c.key), f.path): f.impact for c in told.changes for f in c.fields if f.certain}
    seen = {(str(c.key), f.path): f.impact for c in real.changes for f in c.fields}
    assert {key: impact for key, impact in certain.items() if seen[key] is not impact} == {}


@few
@given(fleets(), fleets())
def test_what_is_seen_is_never_worse_than_what_was_told(before: list[Manifest], after: list[Manifest]) -> None:
    with simulated() as hosts:
        hosts.apply(hosts.plan(simulators(before), everything(before)))
        real = {change.key: change.impact for change in hosts.plan(simulators(after)).changes}
    for change in compared(before, after).changes:
        assert real[change.key].rank <= change.impact.rank
