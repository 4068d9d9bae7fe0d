"""What of the trusted configuration a project may use: what is refused, where, and what of other projects is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.court import FIRST, Court, text
from tests.support.fleet import FLEET_ID, host, instance, manifest, network, volume

SEED: dict[str, Any] = {"userDataFrom": {"secretRef": "db-seed"}}
WIRE: dict[str, Any] = {"mode": "bridge", "physicalNetwork": "office"}
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("secrets", instance(**SEED), "db-seed", "web-*", "a secret"),
    ("hosts", instance(placement={"host": "kvm-01"}), "kvm-01", "kvm-1*", "an instance's host"),
    ("hosts", network("new", cidr="10.30.0.0/24", host="kvm-01"), "kvm-01", "kvm-1*", "a network's host"),
    ("hosts", volume(host="kvm-01"), "kvm-01", "kvm-1*", "a volume's host"),
    ("pools", volume(pool="fast"), "fast", "slow", "a pool"),
    ("physical_networks", network("wire", cidr="10.30.0.0/24", **WIRE), "office", "dmz-*", "a wire"),
]


def court(folder: Path, declared: dict[str, Any], **projects: Any) -> Court:
    made = Court(folder, projects=projects)
    changed = "shop/web.yaml" if declared["kind"] == "Instance" else "shop/more.yaml"
    made.commit({changed: text([declared])})
    return made


@pytest.mark.parametrize(("sort", "declared", "name", "other", "reason"), CASES, ids=[case[-1] for case in CASES])
def test_what_a_project_may_not_use_refuses_the_commit_at_the_field(
    tmp_path: Path, sort: str, declared: dict[str, Any], name: str, other: str, reason: str
) -> None:
    judged = court(tmp_path, declared, shop={sort: [other]})
    (told,) = judged.refused()
    assert (told.code, told.severity) == ("not-for-project", "error"), reason
    assert f"project shop use of the {sort.replace('_', ' ').replace('pools', 'storage pools')} only" in told.detail
    assert f"`{other}`" in told.detail
    assert told.place is not None
    assert told.place.path.startswith("shop/")
    assert f'"{name}"' in told.excerpt
    for patterns in ([other, name], [f"{name[:2]}*"], ["*"]):
        judged.trusted = {"projects": {"shop": {sort: patterns}}}
        assert judged.refused() == [], reason
    judged.trusted = {"projects": {"shop": {}}}
    assert judged.refused() == [], "a list that is absent lets all be used"


@pytest.mark.parametrize(
    ("cidrs", "fields"),
    [
        (["10.20.0.0/16", "fd00:20::/32"], []),
        (["10.20.8.0/24", "::/0"], []),
        (["10.20.8.0/25", "10.20.8.128/25", "::/0"], ["cidr"]),
        (["10.30.0.0/16", "fd00:20::/32"], ["cidr"]),
        (["10.0.0.0/8"], ["cidr6"]),
        ([], ["cidr", "cidr6"]),
    ],
)
def test_a_networks_addresses_lie_in_a_range_of_its_project(
    tmp_path: Path, cidrs: list[str], fields: list[str]
) -> None:
    """Else a host would send there what is meant for servers elsewhere: a resolver's address, or the controller's."""
    declared = manifest("Network", "lan", "billing", cidr="10.20.8.0/24", cidr6="fd00:20:8::/64")
    judged = Court(tmp_path, projects={"billing": {"cidrs": cidrs}})
    judged.commit({"billing/db.yaml": text([declared])})
    told = judged.refused()
    assert [each.code for each in told] == ["not-for-project"] * len(fields)
    assert [each.excerpt.split('"')[1] for each in told] == fields
    assert all("of the ranges of addresses" in each.detail for each in told if cidrs)


def test_an_empty_list_lets_a_project_use_nothing(tmp_path: Path) -> None:
    (told,) = court(tmp_path, instance(**SEED), shop={"secrets": []}).refused()
    assert "use none of the secrets" in told.detail


def test_a_project_without_an_entry_may_use_all_unless_there_is_one_for_the_others(tmp_path: Path) -> None:
    judged = court(tmp_path, instance(**SEED), billing={"secrets": []})
    assert judged.refused() == []
    judged.trusted = {"projects": {"billing": {}, "*": {"secrets": []}}}
    assert judged.codes() == ["not-for-project"]
    judged.trusted = {"projects": {"shop": {"hosts": ["kvm-01"]}, "*": {"secrets": []}}}
    assert judged.refused() == [], "its own entry is all that counts for it"


def test_what_another_project_shares_is_judged_by_that_projects_entry(tmp_path: Path) -> None:
    judged = Court(tmp_path, projects={"shop": {"physical_networks": []}})
    wire = manifest("Network", "wire", "billing", cidr="10.30.0.0/24", shareWith=["shop"], **WIRE)
    joined = instance(networks={"wire": {"network": "billing/wire"}})
    judged.commit({"billing/wire.yaml": text([wire]), "shop/web.yaml": text([joined])})
    assert judged.refused() == []
    judged.trusted = {"projects": {"billing": {"physical_networks": []}}}
    (told,) = judged.refused()
    assert told.place is not None
    assert told.place.path == "billing/wire.yaml"


def test_all_is_told_at_once_and_also_of_what_was_applied_before(tmp_path: Path) -> None:
    judged = court(tmp_path, instance(placement={"host": "kvm-01"}, **SEED))
    judged.apply()
    judged.trusted = {"projects": {"shop": {"secrets": [], "hosts": []}}}
    assert judged.codes() == ["not-for-project"] * 2


def test_of_a_work_tree_it_is_a_warning_and_nothing_is_placed_there(tmp_path: Path) -> None:
    judged = court(tmp_path, instance(), shop={"secrets": [], "hosts": ["kvm-02"]})
    judged.repository.write({"shop/web.yaml": text([instance(**SEED)])})
    found = judged.judge(rev=None)
    assert [(each.code, each.severity) for each in found.diagnostics] == [("not-for-project", "warning")]
    assert found.barred == {"shop": {"kvm-01"}}


def test_projects_are_barred_from_the_declared_hosts_that_are_not_theirs(tmp_path: Path) -> None:
    judged = Court(tmp_path, projects={"shop": {"hosts": ["kvm-0*"]}, "*": {"hosts": ["kvm-11"]}})
    judged.commit({"hosts.yaml": text([host(name, driver="simulator") for name in ("kvm-02", "kvm-11")])})
    barred = judged.judge().barred
    assert barred["shop"] == {"kvm-11"}
    assert barred["billing"] == {"kvm-01", "kvm-02"}
    judged.trusted = {"projects": {"shop": {"secrets": []}}}
    assert judged.judge().barred == {}


def test_before_the_first_commit_projects_are_barred_as_well(tmp_path: Path) -> None:
    judged = Court(tmp_path, projects={"shop": {"hosts": []}})
    assert "shop/web.yaml" in FIRST
    assert judged.judge(rev=None).barred == {"shop": {"kvm-01"}}


def test_no_commit_slips_out_under_another_fleets_id(tmp_path: Path) -> None:
    judged = court(tmp_path, instance(), shop={"secrets": []})
    judged.apply()
    other = FLEET_ID.replace("6b1f", "1111")
    judged.others[other] = {}
    renamed = text(FIRST["fleet.yaml"]).replace(FLEET_ID, other)
    judged.commit({"fleet.yaml": renamed, "shop/web.yaml": text([instance(**SEED)])})
    assert judged.codes() == ["other-fleet"]
