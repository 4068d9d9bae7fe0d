from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address, ObjectKey
from reconciler.diff import Case, diff, pairs
from reconciler.impact import Impact
from reconciler.objects import Observed, Wanted, digest
from reconciler.observation import Snapshot
from reconciler.snapshots import Snapshots
from reconciler_simulator.impacts import IMPACTS

WEB = Address("Instance", "shop", "web-1")
KEY = ObjectKey("kvm-01", WEB)


def wanted(key: ObjectKey = KEY, origin: Address = WEB, guards: tuple[str, ...] = (), **fields: Any) -> Wanted:
    return Wanted(key=key, origin=origin, fields=_dotted(fields), guards=guards)


def observed(running: dict[str, Any] | None = None, owned: dict[str, Any] | None = None, **fields: Any) -> Observed:
    return Observed(
        key=KEY,
        origin=WEB,
        uid="u",
        stored=_dotted(fields),
        running=None if running is None else _dotted(running),
        owned={path: digest(value) for path, value in _dotted(owned or {}).items()},
    )


def _dotted(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in fields.items()}


def cases(want: Wanted | None, have: Observed | None, held: tuple[Address, ...] = ()) -> list[Case]:
    seen = Snapshots([Snapshot(host="kvm-01", objects=(have,) if have else ())])
    both = pairs([want] if want else [], seen, {"kvm-01"}, held)
    return list(diff(both, {"kvm-01": IMPACTS}, seen, {WEB}))


def only(want: Wanted, have: Observed) -> Any:
    (case,) = cases(want, have)
    (field,) = case.change.fields
    return field


def test_equal_sides_have_no_difference() -> None:
    assert cases(wanted(vcpus=1), observed(vcpus=1)) == []


def test_what_libvirt_adds_by_itself_is_no_difference() -> None:
    assert cases(wanted(vcpus=1), observed(vcpus=1, clock="utc", owned={"vcpus": 1})) == []


def test_one_side_missing_is_a_creation_or_a_deletion() -> None:
    assert [case.change.action for case in cases(wanted(vcpus=1), None)] == ["create"]
    assert [case.change.action for case in cases(None, observed(vcpus=1))] == ["delete"]


def test_what_is_held_is_not_deleted() -> None:
    assert cases(None, observed(vcpus=1), held=(WEB,)) == []


@pytest.mark.parametrize(
    ("before", "owned", "origin", "reason"),
    [
        (2, {"vcpus": 2}, "commit", "it is as we left it, so the commit moved"),
        (2, {"vcpus": 4}, "drift", "somebody else moved it"),
        (2, {}, "unknown", "nobody wrote down what was applied"),
        (None, {"memory": 1}, "commit", "a field that is declared for the first time"),
    ],
)
def test_drift_is_told_from_a_commit_by_what_was_applied(before: Any, owned: Any, origin: str, reason: str) -> None:
    have = observed(owned=owned) if before is None else observed(vcpus=before, owned=owned)
    assert only(wanted(vcpus=1), have).origin == origin, reason


def test_an_owned_field_that_is_no_longer_wanted_returns_to_its_default() -> None:
    field = only(wanted(vcpus=1), observed(vcpus=1, cpu="host-model", owned={"cpu": "host-model"}))
    assert (field.path, field.before, field.after) == ("cpu", "host-model", None)


@pytest.mark.parametrize(
    ("stored", "running", "form", "impact", "reason"),
    [
        (1, 1, "stored", Impact.RESTART, "a running guest takes it up by a restart"),
        (1, None, "stored", Impact.NONE, "a stopped one at no cost"),
        (1, 2, "stored", Impact.NONE, "what runs has it already"),
        (2, 1, "running", Impact.RESTART, "stored already, pending in what runs"),
    ],
)
def test_both_forms_count(stored: int, running: int | None, form: str, impact: Impact, reason: str) -> None:
    live = None if running is None else {"vcpus": running}
    field = only(wanted(vcpus=2), observed(vcpus=stored, running=live, owned={"vcpus": stored}))
    assert (field.form, field.impact) == (form, impact), reason


def test_what_runs_is_corrected_live_where_the_driver_can() -> None:
    fields: dict[str, Any] = {"nics_lan_filter": "enforced"}
    field = only(wanted(**fields), observed(**fields, running={"nics_lan_filter": "absent"}, owned=fields))
    assert (field.form, field.impact, field.origin) == ("running", Impact.LIVE, "drift")


def test_a_guest_that_is_to_be_stopped_is_changed_while_it_stands() -> None:
    have = observed(powerState="Running", memory=1, running={"memory": 1})
    (case,) = cases(wanted(powerState="Stopped", memory=2), have)
    assert {field.path: field.impact for field in case.change.fields} == {
        "memory": Impact.NONE,
        "powerState": Impact.LIVE,
    }


def test_a_rename_is_a_change_of_metadata_alone() -> None:
    renamed = wanted(key=ObjectKey("kvm-01", Address("Instance", "shop", "front")), vcpus=1)
    field = only(renamed, observed(vcpus=1))
    assert (field.path, field.before, field.after) == ("address", "Instance/shop/web-1", "Instance/shop/front")
    assert field.impact is Impact.NONE


def test_a_mark_that_is_lifted_is_a_change_too() -> None:
    field = only(wanted(vcpus=1, guards=("protected",)), observed(vcpus=1))
    assert (field.path, field.before, field.after, field.impact) == ("guards", (), ("protected",), Impact.NONE)


def test_a_nic_that_comes_does_so_as_a_whole() -> None:
    nic: dict[str, Any] = {
        "nics_lan_network": "Network/shop/lan",
        "nics_lan_filter": "enforced",
        "nics_lan_dnsName": "web-1",
    }
    (case,) = cases(wanted(vcpus=1, **nic), observed(vcpus=1, running={"vcpus": 1}))
    assert {field.impact for field in case.change.fields} == {Impact.RESTART}


def test_only_parts_of_an_object_make_a_creation_that_starts_from_them() -> None:
    half = Observed(key=KEY, origin=WEB, uid="u", stored={"disk.size": 4}, incomplete=True)
    (case,) = cases(wanted(vcpus=1, disk_size=4), half)
    assert case.change.action == "create"
    assert case.observed == half


def test_a_left_over_disk_that_does_not_fit_is_lost_to_a_new_one() -> None:
    half = Observed(key=KEY, origin=WEB, uid="u", stored={"disk.size": 8, "image": "debian@a"}, incomplete=True)
    (case,) = cases(wanted(vcpus=1, disk_size=4, image="debian@b"), half)
    assert (case.change.action, case.change.impact) == ("create", Impact.REBUILD)
    assert {field.path: field.impact for field in case.change.fields} == {
        "vcpus": Impact.NONE,
        "disk.size": Impact.REBUILD,
        "image": Impact.REBUILD,
    }


def test_a_left_over_disk_that_grows_loses_nothing() -> None:
    half = Observed(key=KEY, origin=WEB, uid="u", stored={"disk.size": 2}, incomplete=True)
    (case,) = cases(wanted(disk_size=4), half)
    assert case.change.impact is Impact.NONE
