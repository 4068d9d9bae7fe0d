"""What of a fleet has to do with what, and what is looked at of it when something changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from reconciler.address import Address
from reconciler.islands import COMMON, Remembered, partition
from reconciler.observation import Failed, Snapshot
from reconciler.plan import Plan
from reconciler.planning import planned as planned_on
from reconciler.shortcut import Shortcut, to_remember
from tests.laws.strategies import everything_of
from tests.support import fleet
from tests.support.fleet import Manifest, manifest
from tests.support.remembered import SOURCE, Commit, Eyes, Memory, remembered, short, whole
from tests.support.world import World

HOSTS = {"blog": "kvm-01", "ops": "kvm-02", "shop": "kvm-03"}


def instance(project: str, name: str = "a", **spec: Any) -> Manifest:
    usual = {"flavor": "small", "image": "debian", "networks": {"lan": {}}, "placement": {"host": HOSTS[project]}}
    return manifest("Instance", name, project, **{**usual, **spec})


def three(**more: Manifest) -> dict[str, Manifest]:
    """A fleet of three projects, each on a host of its own; a file per manifest."""
    found = {"fleet": fleet.fleet(), "small": fleet.flavor(), "large": fleet.flavor("large", vcpus=2)}
    found["image"] = fleet.image(format="raw")
    for number, (project, host) in enumerate(HOSTS.items()):
        found[host] = fleet.host(host)
        found[f"{project}-lan"] = manifest("Network", "lan", project, cidr=f"10.{number}.0.0/24", host=host)
        found[f"{project}-a"] = instance(project)
    return found | more


def built(manifests: dict[str, Manifest]) -> World:
    world = World(hosts=tuple(HOSTS.values()))
    found = whole(manifests, world)
    assert found
    return world.applied(world.plan(found[0], allow=everything_of(found[0])))


def planned(before: dict[str, Manifest], after: dict[str, Manifest], world: World) -> tuple[Plan | None, list[str]]:
    """The plan from what changed, checked against that of the whole; and the hosts that were looked at for it."""
    standing = remembered(before, world)
    assert standing
    eyes, all_of_it = Eyes(world, glances=True), whole(after, world)
    made = Shortcut(Commit(after), Memory(), standing, eyes).plan()
    assert made is None or (all_of_it and made.plan == all_of_it[1].plan)
    return made.plan if made else None, eyes.observed


def test_what_is_joined_over_others_is_one_island() -> None:
    joined = [frozenset("ab"), frozenset("cd"), frozenset("e"), frozenset("bc"), frozenset("fg")]
    assert partition(joined) == [frozenset("abcd"), frozenset("e"), frozenset("fg")]


def test_every_project_is_an_island_with_its_host_and_what_all_share_is_common() -> None:
    standing = remembered(three(), built(three()))
    assert standing
    nodes = [sorted(each.nodes) for each in standing.islands]
    assert nodes == [[f"host {host}", f"project {project}"] for project, host in HOSTS.items()]
    names = {name.split()[0] for name, number in standing.units.items() if number == COMMON}
    assert names == {"fleet", "small", "large", "image", *HOSTS.values()}


def test_when_nothing_changed_no_host_is_observed_and_everything_counted() -> None:
    plan, observed = planned(three(), three(), built(three()))
    assert plan
    assert (plan.empty, plan.unchanged, observed) == (True, 12, [])


def test_only_the_host_of_what_changed_is_observed() -> None:
    after = three(**{"ops-a": instance("ops", flavor="large")})
    plan, observed = planned(three(), after, built(three()))
    assert plan
    assert [str(each.key) for each in plan.changes] == ["Instance/ops/a@kvm-02"]
    assert (plan.unchanged, observed) == (11, ["kvm-02"])


def test_a_new_instance_on_a_host_that_its_manifest_says_is_planned_there() -> None:
    plan, observed = planned(three(), three(new=instance("ops", "b")), built(three()))
    assert plan
    changes = [(each.action, str(each.key)) for each in plan.changes]
    assert changes == [("create", "Instance/ops/b@kvm-02"), ("update", "SecurityGroup/ops/default@kvm-02")]
    assert observed == ["kvm-02"]


def test_islands_that_a_commit_joins_are_planned_together() -> None:
    shared = manifest("SecurityGroup", "web", "shop", shareWith=["*"])
    before = three(group=shared)
    after = three(group=shared, **{"ops-a": instance("ops", securityGroups=["default", "shop/web"])})
    plan, observed = planned(before, after, built(before))
    assert plan
    assert not plan.empty
    assert observed == ["kvm-02", "kvm-03"]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(three(small=fleet.flavor(vcpus=3)), id="something that all share"),
        pytest.param(three(more=fleet.flavor("more")), id="something new that all share"),
        pytest.param({name: each for name, each in three().items() if name != "ops-a"}, id="a deletion"),
        pytest.param(
            three(**{"ops-a": instance("ops", securityGroups=[])}), id="an object that nothing needs any more"
        ),
        pytest.param(three(new=instance("ops", "b", placement={})), id="an instance that may be anywhere"),
        pytest.param(three(new=instance("ops", "b", flavor="smal")), id="a mistake in a reference"),
        pytest.param(three(new=instance("ops", "b", flavor=1)), id="a mistake in a manifest"),
        pytest.param(three(new=instance("ops")), id="a second one of the same address"),
        pytest.param(three(new=manifest("Project", "ops")), id="the first project that is declared"),
    ],
)
def test_what_cannot_be_put_down_to_islands_is_planned_as_a_whole(after: dict[str, Manifest]) -> None:
    assert planned(three(), after, built(three()))[0] is None


def test_two_equal_documents_of_a_file_are_judged_by_the_whole() -> None:
    before = {f"all.yaml#{name}": each for name, each in three().items()}
    assert planned(before, before, built(three()))[0]
    assert planned(before, {**before, "all.yaml#twin": three()["ops-a"]}, built(three()))[0] is None


def test_an_instance_on_the_host_of_another_project_is_planned_with_that() -> None:
    wire = {"mode": "bridge", "physicalNetwork": "wire"}
    before = three(wire=manifest("Network", "wire", "ops", cidr="10.9.0.0/24", **wire))
    new = instance("ops", "b", networks={"wire": {}}, placement={"host": "kvm-01"})
    plan, observed = planned(before, before | {"new": new}, built(before))
    assert plan
    assert "Instance/ops/b@kvm-01" in [str(each.key) for each in plan.changes]
    assert observed == ["kvm-01", "kvm-02"]


def moved(world: World, host: str) -> World:
    """The world after somebody took vCPUs to the instance of a host."""
    (key,) = (key for key in world.objects if key.host == host and key.address.kind == "Instance")
    found = world.objects[key]
    return msgspec.structs.replace(
        world, objects={**world.objects, key: msgspec.structs.replace(found, stored={**found.stored, "vcpus": 7})}
    )


def standing_plan(manifests: dict[str, Manifest], world: World, later: World) -> tuple[Plan, list[str]]:
    """The plan when a host has moved, checked against that of the whole."""
    standing, eyes = remembered(manifests, world), Eyes(later, glances=True)
    assert standing
    made, found = Shortcut(Commit(manifests), Memory(), standing, eyes).plan(), whole(manifests, later)
    assert made
    assert found
    assert made.plan == found[1].plan
    return made.plan, eyes.observed


def test_what_stands_where_no_manifest_says_is_planned_when_its_host_moves() -> None:
    lan = manifest("Network", "lan", "ops", cidr="10.1.0.0/24")
    found = three(**{"ops-lan": lan, "ops-a": instance("ops", placement={})})
    alone = {name: each for name, each in found.items() if not name.startswith("blog-")}
    plan, observed = standing_plan(alone, built(alone), moved(built(alone), "kvm-01"))
    assert [str(each.key) for each in plan.changes] == ["Instance/ops/a@kvm-01"]
    assert observed == ["kvm-01"]


def test_when_a_host_moves_the_others_of_its_island_are_observed_too() -> None:
    shared = manifest("SecurityGroup", "web", "shop", shareWith=["*"])
    manifests = three(group=shared, **{"ops-a": instance("ops", securityGroups=["default", "shop/web"])})
    world = built(manifests)
    plan, observed = standing_plan(manifests, world, moved(world, "kvm-02"))
    assert [str(each.key) for each in plan.changes] == ["Instance/ops/a@kvm-02"]
    assert observed == ["kvm-02", "kvm-03"]


def test_networks_of_one_wire_are_compared_wherever_they_are() -> None:
    def wire(project: str, number: int) -> Manifest:
        spec: dict[str, Any] = {"cidr": f"10.{number}.0.0/24", "mode": "bridge", "physicalNetwork": "wire", "vlan": 7}
        return manifest("Network", "wire", project, **spec)

    before = three(one=wire("blog", 20), other=wire("ops", 21))
    world = built(before)
    assert planned(before, before | {"other": wire("ops", 22)}, world)[0]
    assert planned(before, before | {"other": wire("ops", 20)}, world)[0] is None


def test_what_waits_is_planned_anew_though_nothing_changed() -> None:
    after = three(**{"ops-a": instance("ops", flavor="large")})
    world = built(three())
    plan, observed = planned(after, after, world)
    assert plan
    assert len(plan.changes) == 1
    assert observed == ["kvm-02"]


def test_a_volume_that_stays_though_nobody_declares_it_goes_on_being_told() -> None:
    before = three(data=manifest("Volume", "data", "ops", size="1Gi", host="kvm-02"))
    plan, _ = planned(three(), three(), built(before))
    assert plan
    assert [str(each) for each in plan.retained] == ["Volume/ops/data@kvm-02"]


def test_what_it_came_to_is_remembered_for_the_next_plan() -> None:
    manifests, world = three(), built(three())
    standing: Remembered | None = remembered(manifests, world)
    for name in ("b", "c"):
        assert standing
        manifests = manifests | {name: instance("ops", name)}
        made = short(standing, manifests, world)
        assert made
        assert len(made.plan.changes) == {"b": 2, "c": 3}[name]
        standing = made.remembered
        assert [each.unchanged for each in standing.islands].count(None) == 1


@pytest.mark.parametrize("state", ["Active", "Maintenance"])
def test_as_long_as_a_host_is_not_seen_the_whole_is_planned(state: str) -> None:
    class Blind(Eyes):
        def see(self, known: Mapping[str, str], hosts: Collection[str] | None = None) -> Iterator[Snapshot]:
            return (each if each.host != "kvm-02" else failed for each in super().see(known, hosts))

    manifests = three(**{"kvm-02": fleet.host("kvm-02", state=state)})
    world = built(three())
    failed = world.snapshots({"kvm-02": Failed("it does not answer")})[1]
    standing, found = remembered(manifests, world), whole(manifests, world)
    assert standing
    assert found
    assert Shortcut(Commit(manifests), Memory(), standing, Blind(world, glances=True)).plan() is None
    snapshots = [failed if each.host == "kvm-02" else each for each in world.snapshots()]
    outcome = planned_on(found[0], snapshots, dict.fromkeys(world.hosts, world.impacts), SOURCE)
    assert to_remember(Commit(manifests), Memory(), found[0], snapshots, outcome, "as always") is None


@pytest.mark.parametrize(("most", "told"), [(5, False), (6, True)])
def test_quotas_in_force_that_are_not_those_declared_are_judged_by_the_whole(most: int, told: bool) -> None:
    names = {f"project-{name}": manifest("Project", name, quotas={"instances": 5}) for name in HOSTS}
    world = built(three(**names))
    standing = remembered(three(**names), world)
    assert standing
    eyes, inside = Eyes(world, glances=True), fleet.desired(*three(**names).values()).resources
    blog = Address("Project", None, "blog")
    names["project-blog"] = manifest("Project", "blog", quotas={"instances": most})
    eyes.owners = inside | {blog: fleet.desired(*three(**names).values()).resources[blog]}
    names["project-blog"] = manifest("Project", "blog", quotas={"instances": 5})
    assert (Shortcut(Commit(three(**names)), Memory(), standing, eyes).plan() is None) == told
