from __future__ import annotations

from typing import Any

import pytest

from reconciler.comparison import between
from reconciler.desired import Desired
from reconciler.impact import Impact
from reconciler.plan import Change, FieldChange, Granted, Plan, Possibility, Source, Waiting
from reconciler.report.line import plain
from reconciler.report.plan_json import plan_value
from reconciler.report.plan_text import plan_lines
from tests.support import fleet
from tests.support.fleet import Manifest

SOURCE = Source(commit="c0ffee", base="decaf")


def at(*more: Manifest, hosts: tuple[str, ...] = ("kvm-01",), **small: Any) -> Desired:
    """A fleet whose flavor is said here; its hosts are real ones."""
    flavor = fleet.flavor(**small)
    return fleet.desired(fleet.fleet(), *map(fleet.host, hosts), flavor, fleet.image(), fleet.network(), *more)


def compared(before: Desired, after: Desired) -> Plan:
    return between(before, after, SOURCE)


def change_of(plan: Plan, kind: str = "Instance") -> Change:
    return next(change for change in plan.changes if change.key.address.kind == kind)


def field_of(plan: Plan, path: str, kind: str = "Instance") -> FieldChange:
    return next(field for field in change_of(plan, kind).fields if field.path == path)


def test_what_depends_on_whether_a_guest_runs_is_told_with_its_conditions_and_counts_as_the_worst() -> None:
    web = fleet.instance()
    planned = compared(at(web), at(web, vcpus=2))
    found = field_of(planned, "vcpus")
    assert not found.certain
    assert found.possible == (Possibility(Impact.RESTART, "running"), Possibility(Impact.NONE, "always"))
    assert change_of(planned).impact is Impact.RESTART
    assert change_of(planned).consent == Waiting("--allow restart=Instance/shop/web-1")
    assert "not certain: restart if it runs, none otherwise" in plain(plan_lines(planned))


def test_what_may_grow_within_its_room_may_also_have_been_started_without_it() -> None:
    web = fleet.instance()
    planned = compared(at(web, maxVcpus=4), at(web, maxVcpus=4, vcpus=2))
    assert [each.impact for each in field_of(planned, "vcpus").possible] == [Impact.LIVE, Impact.RESTART, Impact.NONE]
    assert field_of(planned, "vcpus").impact is Impact.RESTART


def test_what_has_one_impact_whatever_is_seen_is_certain() -> None:
    planned = compared(at(fleet.instance()), at(fleet.instance(), disk="8Gi"))
    assert field_of(planned, "disk.size").certain
    assert field_of(planned, "disk.size").possible == ()
    assert field_of(planned, "disk.size").impact is Impact.LIVE


def test_what_is_declared_to_stand_still_is_taken_to() -> None:
    planned = compared(at(fleet.instance(powerState="Stopped")), at(fleet.instance(powerState="Stopped"), vcpus=2))
    assert field_of(planned, "vcpus").certain
    assert field_of(planned, "vcpus").impact is Impact.NONE


def test_only_the_commit_can_have_moved_what_nobody_looked_at() -> None:
    rule = {"protocol": "tcp", "ports": 443}
    web = fleet.instance(securityGroups=["web"])
    planned = compared(at(web, fleet.group()), at(web, fleet.group(ingress=[rule])))
    assert field_of(planned, "rules", "SecurityGroup").origin == "commit"


def test_an_address_that_no_manifest_says_is_marked_as_assumed_and_so_are_its_groups() -> None:
    web = fleet.instance(securityGroups=["web"])
    planned = compared(at(fleet.group()), at(fleet.group(), web))
    assert not field_of(planned, "nics.lan.address").certain
    assert not field_of(planned, "members", "SecurityGroup").certain
    address = field_of(planned, "nics.lan.address").after
    assert f"nics.lan.address: {address}  (assumed)" in plain(plan_lines(planned))


def test_an_address_that_the_manifest_says_is_certain() -> None:
    web = fleet.instance(securityGroups=["web"], networks={"lan": {"address": "10.10.0.50"}})
    planned = compared(at(fleet.group()), at(fleet.group(), web))
    assert all(field.certain for change in planned.changes for field in change.fields)


def test_members_that_leave_with_an_address_that_no_manifest_said_are_marked() -> None:
    both = [fleet.instance(name, securityGroups=["web"]) for name in ("web-1", "web-2")]
    planned = compared(at(fleet.group(), *both), at(fleet.group(), both[0]))
    assert not field_of(planned, "members", "SecurityGroup").certain


@pytest.mark.parametrize(("hosts", "assumed"), [(("kvm-01",), False), (("kvm-01", "kvm-02"), True)])
def test_a_host_is_assumed_where_there_is_a_choice(hosts: tuple[str, ...], assumed: bool) -> None:
    planned = compared(at(hosts=hosts), at(fleet.instance(), hosts=hosts))
    assert {change.assumed for change in planned.changes} == {assumed}
    assert ("on kvm-01 (assumed)" in plain(plan_lines(planned))) is assumed
    assert [each.get("hostsAssumed") for each in plan_value(planned)["changes"]] == [assumed or None] * len(
        planned.changes
    )


def test_a_host_that_a_manifest_names_is_certain() -> None:
    hosts = ("kvm-01", "kvm-02")
    web = fleet.instance(placement={"host": "kvm-02"})
    made = change_of(compared(at(hosts=hosts), at(web, hosts=hosts)))
    assert (made.key.host, made.assumed) == ("kvm-02", False)


def test_what_stands_on_a_host_that_takes_nothing_new_stands_there() -> None:
    cordoned = [fleet.host(state="Cordoned"), fleet.host("kvm-02")]
    rest = [fleet.fleet(), fleet.flavor(), fleet.image(), fleet.network()]
    before = fleet.desired(*rest, *cordoned, fleet.instance(placement={"host": "kvm-01"}))
    assert compared(before, before).empty


def test_a_real_host_that_is_no_longer_declared_keeps_what_it_has_and_nothing_is_made_elsewhere() -> None:
    web = fleet.instance()
    planned = compared(at(web), at(web, hosts=("kvm-02",)))
    assert "Instance/shop/web-1" in planned.held
    assert planned.steps == ()


def test_the_output_says_that_nothing_was_looked_at() -> None:
    planned = compared(at(), at(fleet.instance()))
    assert plan_value(planned)["source"]["assumed"] is True
    assert plan_value(planned)["source"]["base"] == "decaf"
    assert "No host was looked at: all is assumed to stand as commit decaf declares it." in plain(plan_lines(planned))


def test_what_may_be_deleted_is_said_by_the_base_and_not_by_what_is_compared_with_it() -> None:
    one, two = fleet.instance(), fleet.instance("web-2")

    def bounded(count: int, *more: Manifest) -> Desired:
        first = fleet.fleet(deletionBudget={"count": count, "percent": 0})
        return fleet.desired(first, fleet.host(), fleet.flavor(), fleet.image(), fleet.network(), *more)

    planned = compared(bounded(0, one, two), bounded(9, two))
    assert "the fleet's deletion budget is 0" in str(change_of(planned).consent)
    assert change_of(compared(bounded(9, one, two), bounded(0, two))).consent == Granted()
