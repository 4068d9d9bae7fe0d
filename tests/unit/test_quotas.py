"""Quotas: what is counted, for whom, and who is named as going beyond."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.desired import load
from tests.support.manifests import KEY, SPECS, fleet, manifest

INSTANCE = {"flavor": "small", "image": "tiny", "networks": {"lan": {}}}
SHOP = [
    manifest("Network", "lan", {"cidr": "10.20.0.0/24"}, project="shop"),
    manifest("Instance", "a", INSTANCE, project="shop"),
    manifest("Instance", "b", {**INSTANCE, "powerState": "Stopped"}, project="shop"),
    manifest("Volume", "v", {"size": "3Gi"}, project="shop"),
    manifest("Keypair", "k", {"publicKey": KEY}, project="shop"),
    manifest("SecurityGroup", "g", {"ingress": [{}, {}], "egress": [{}]}, project="shop"),
]
"""Two instances of 1 vCPU, 512Mi and 2Gi, a volume, three rules; a group `default` is implied, and no manifest's."""


def details(quotas: dict[str, Any], *more: dict[str, Any], limits: dict[str, Any] | None = None) -> list[str]:
    project = manifest("Project", "shop", {"quotas": quotas})
    whole = manifest("Fleet", spec={**SPECS["Fleet"][1], "limits": limits or {}})
    _, diagnostics = load(fleet(whole, project, *SHOP, *more, without=("Fleet",)), lambda path: None)
    assert {diagnostic.code for diagnostic in diagnostics} <= {"quota-exceeded"}
    return [diagnostic.detail for diagnostic in diagnostics]


TAKEN = {
    "instances": (2, 1),
    "vcpus": (2, 1),
    "memory": ("1Gi", "1023Mi"),
    "volumes": (1, 0),
    "storage": ("7Gi", "7167Mi"),
    "networks": (1, 0),
    "securityGroups": (1, 0),
    "securityGroupRules": (3, 2),
    "keypairs": (1, 0),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_quota_is_what_may_be_taken_and_no_more(name: str) -> None:
    enough, less = TAKEN[name]
    assert details({name: enough}) == []
    (detail,) = details({name: less})
    assert "1 too many" in detail or "1Mi too much" in detail


def test_a_quota_counts_its_own_project_and_a_limit_all_of_them() -> None:
    assert details({"instances": 2, "networks": 1}) == []
    assert len(details({}, limits={"instances": 2, "networks": 1})) == 2
    assert details({}, limits={"instances": 3, "networks": 2}) == []


def test_those_beyond_are_the_last_by_name_whatever_file_they_are_in() -> None:
    more = [manifest("Instance", f"c{number}", INSTANCE, project="shop") for number in range(5)]
    for order in (more, more[::-1]):
        (detail,) = details({"instances": 3}, *order)
        assert "may have 3 instances, and 7 are declared: 4 too many" in detail
        named = detail.partition("Beyond it, by name: ")[2]
        assert re.findall(r"Instance/shop/(\w+)", named) == ["c1", "c2", "c3"]
        assert "and 1 more" in named


def test_only_who_takes_of_it_goes_beyond_it() -> None:
    (detail,) = details({"storage": "3Gi"})
    assert "Instance/shop/b" in detail
    assert "Volume/shop/v" in detail
    assert "Keypair" not in detail


def test_what_has_a_mistake_is_told_of_that_and_not_counted() -> None:
    broken = manifest("Flavor", "broken", {"vcpus": 1})
    instance = manifest("Instance", "z", {**INSTANCE, "flavor": "broken"}, project="shop")
    project = manifest("Project", "shop", {"quotas": {"vcpus": 2}})
    _, diagnostics = load(fleet(project, *SHOP, broken, instance), lambda path: None)
    assert {diagnostic.code for diagnostic in diagnostics} == {"missing-field"}
