"""Dependencies and circles."""

from __future__ import annotations

import msgspec
import networkx as nx
import pytest

from reconciler.address import Address
from reconciler.desired import load
from reconciler.diagnostic import Place
from reconciler.graph import circles, cycles, dependencies
from reconciler.kinds import base
from reconciler.kinds.base import Kind, Reference, Resource, Spec
from tests.support.manifests import SPECS, fleet, manifest


def graph(*edges: str, role: str = "needs") -> nx.DiGraph[Address]:
    """Edges such as `a>b`."""
    found: nx.DiGraph[Address] = nx.DiGraph()
    for edge in edges:
        user, used = (Address("Thing", None, name) for name in edge.split(">"))
        found.add_edge(user, used, role=role)
    return found


def names(found: list[list[Address]]) -> list[str]:
    return [">".join(address.name for address in circle) for circle in found]


def test_a_resource_depends_on_what_its_manifest_names() -> None:
    found = dependencies(load(fleet(), lambda path: None)[0])
    used = found.adj[Address("Instance", "default", "web-1")]
    assert sorted((str(address), edge["role"]) for address, edge in used.items()) == [
        ("Flavor/small", "needs"),
        ("Host/kvm-01", "needs"),
        ("Image/tiny", "needs"),
        ("Keypair/default/ops", "needs"),
        ("Network/default/lan", "needs"),
        ("SecurityGroup/default/default", "needs"),
        ("SecurityGroup/default/web", "needs"),
        ("Volume/default/data", "needs"),
    ]


def test_a_group_that_names_itself_is_its_own_member_and_no_circle() -> None:
    desired, diagnostics = load(fleet(), lambda path: None)
    group = Address("SecurityGroup", "default", "web")
    assert dependencies(desired).edges[group, group]["role"] == "member"
    assert cycles(desired) == diagnostics == []


def test_who_waits_for_another_comes_after_it() -> None:
    waiting = manifest("Instance", "web-2", {**SPECS["Instance"][1], "networks": {"lan": {}}, "dependsOn": ["web-1"]})
    waiting["spec"].pop("volumes")
    desired, diagnostics = load(fleet(waiting), lambda path: None)
    assert diagnostics == []
    first, second = (Address("Instance", "default", name) for name in ("web-1", "web-2"))
    assert dependencies(desired).edges[second, first]["role"] == "after"


def test_what_a_fleet_gives_to_all_is_what_it_names() -> None:
    whole = manifest("Fleet", spec={**SPECS["Fleet"][1], "defaults": {"keypairs": ["ops"]}})
    desired, diagnostics = load(fleet(whole, without=("Fleet",)), lambda path: None)
    assert diagnostics == []
    keypair = Address("Keypair", "default", "ops")
    assert dependencies(desired).edges[Address("Fleet", None, "acme"), keypair]["role"] == "member"


CIRCLES = [
    (["a>b", "b>c"], [], "a line"),
    (["a>b", "a>c", "b>d", "c>d"], [], "a diamond"),
    (["a>a"], ["a>a"], "itself"),
    (["b>a", "a>b"], ["a>b>a"], "a pair begins at the least"),
    (["c>a", "a>b", "b>c", "x>a"], ["a>b>c>a"], "the whole path, without those that lead to it"),
    (["a>b", "b>a", "b>c", "c>d", "d>b"], ["a>b>a"], "one for each knot, the shortest through the least"),
    (["a>b", "b>a", "c>d", "d>c"], ["a>b>a", "c>d>c"], "each knot"),
]


@pytest.mark.parametrize(("edges", "expected", "reason"), CIRCLES, ids=[reason for _, _, reason in CIRCLES])
def test_circles_are_named_whole(edges: list[str], expected: list[str], reason: str) -> None:
    assert names(circles(graph(*edges))) == expected, reason
    assert names(circles(graph(*reversed(edges)))) == expected, "the order of edges makes no difference"


def test_members_may_go_in_circles() -> None:
    assert circles(graph("a>b", "b>a", role="member")) == []


class ThingSpec(Spec, frozen=True, kw_only=True):
    needs: str


def needing(name: str, needs: str) -> Resource:
    address, place = Address("Thing", None, name), Place(f"{name}.yaml", 5, 3)
    return Resource(
        address=address, origin=address, spec=ThingSpec(needs=needs), place=place, find_place=lambda path: place
    )


class Things(msgspec.Struct):
    resources: dict[Address, Resource]


def test_resources_that_need_each_other_are_an_error_at_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    def references(resource: Resource) -> list[Reference]:
        return [Reference("spec.needs", Address("Thing", None, resource.spec.needs))]

    kind = Kind(name="Thing", scope="fleet", spec=ThingSpec, references=references)
    monkeypatch.setitem(base.REGISTRY, "Thing", kind)
    things = [needing("b", "c"), needing("c", "a"), needing("a", "b")]
    (diagnostic,) = cycles(Things({thing.address: thing for thing in things}))
    assert (diagnostic.code, str(diagnostic.place)) == ("cycle", "a.yaml:5:3")
    assert "Thing/a → Thing/b → Thing/c → Thing/a" in diagnostic.detail
