"""What is planned for an event is what the plan of the whole fleet says of what it names, whatever was done by hand."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.guard import Allow
from reconciler.objects import Observed, Value
from reconciler.observation import Failed, Foreign, HostFacts, Partial, Snapshot, Status
from reconciler.plan import Plan, Source
from reconciler.planning import planned
from reconciler.serve.patience.about import plan_about
from reconciler.serve.patience.withholding import narrowed
from reconciler.snapshots import identity
from reconciler.vicinity import Surroundings
from reconciler_simulator.impacts import IMPACTS
from tests.laws.strategies import everything_of, tampered
from tests.support import fleet
from tests.support.fleet import Manifest, manifest
from tests.support.world import World, facts_of

HOSTS = ("kvm-01", "kvm-02")
PROJECTS = ("shop", "blog", "ops")
NAMES = ("a", "b", "c")


def _common(draw: st.DrawFn) -> list[Manifest]:
    state = "Maintenance" if _rarely(draw) else "Active"
    hosts = [fleet.host("kvm-01"), fleet.host("kvm-02", state=state)]
    flavors = [fleet.flavor("small", vcpus=2), fleet.flavor("large", vcpus=draw(st.integers(3, 4)))]
    images = [fleet.image(name, draw(st.sampled_from("ab")), format="raw") for name in ("debian", "alpine")]
    return [fleet.fleet(deletionBudget={"count": draw(st.integers(0, 3)), "percent": 0}), *hosts, *flavors, *images]


def _rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 19)) == 0


def _networks(draw: st.DrawFn, project: str) -> list[Manifest]:
    """A local one and one on a wire; rarely with a range that another has as well."""
    number = PROJECTS.index(project)
    lan = 0 if project == "blog" and draw(st.booleans()) else number  # as on another host
    host = {} if _rarely(draw) else {"host": HOSTS[number % 2]}
    cidr = "10.0.0.0/8" if _rarely(draw) or _rarely(draw) else f"10.{10 + number}.0.0/24"
    wire: dict[str, Any] = {"physicalNetwork": "wire", "vlan": number + 1, "shareWith": ["*"]}
    return [
        manifest("Network", "lan", project, cidr=f"10.{lan}.0.0/24", **host),
        manifest("Network", "wire", project, cidr=cidr, mode="bridge", **wire),
    ]


def _groups(draw: st.DrawFn, project: str) -> list[Manifest]:
    remote = draw(st.sampled_from(["web", "web", "default", "shop/web"]))
    rule = {"protocol": "tcp", "ports": draw(st.sampled_from([22, 80])), "remote": {"group": remote}}
    return [manifest("SecurityGroup", "web", project, ingress=[rule], shareWith=["*"])]


def _nics(draw: st.DrawFn, project: str, at: str) -> dict[str, Any]:
    number = PROJECTS.index(project)
    other = draw(st.sampled_from(PROJECTS)) if _rarely(draw) else project
    lan = {"lan": {"address": f"10.{number}.0.{draw(st.integers(5, 8))}"} if _rarely(draw) else {}}
    wire = {"wire": {"network": f"{other}/wire"}}
    choice = [wire, {**lan, **wire}, lan, lan] if at == HOSTS[number % 2] else [wire]
    return draw(st.sampled_from(choice))


def _instance(draw: st.DrawFn, project: str, name: str, first: str, owner: str) -> Manifest:
    at = draw(st.sampled_from(HOSTS))
    nics = _nics(draw, project, at)
    disks = {"data": {"volume": "data" if name == owner else f"data-{name}"}} if draw(st.booleans()) else {}
    groups = st.lists(st.sampled_from(["default", "web", "web", "shop/web"] if _rarely(draw) else ["default", "web"]))
    spec: dict[str, Any] = {
        "flavor": draw(st.sampled_from(["small", "small", "large"])),
        "image": draw(st.sampled_from(["debian", "alpine"])),
        "networks": nics,
        "securityGroups": sorted(set(draw(groups))),
        "powerState": draw(st.sampled_from(["Running", "Running", "Running", "Stopped"])),
        "restartPolicy": draw(st.sampled_from(["Always", "OnCrash", "Never"])),
        "dependsOn": draw(st.sampled_from([[], [first]])) if name != first else [],
        "volumes": disks,
        "placement": {} if _rarely(draw) else {"host": at},
        "updatePolicy": {"allow": ["restart"]} if draw(st.booleans()) else {},
    }
    origin = "old" if _rarely(draw) else None
    return manifest("Instance", name, project, origin, **spec)


def _project(draw: st.DrawFn, project: str) -> list[Manifest]:
    names = sorted(draw(st.sets(st.sampled_from(NAMES), max_size=3)))
    owner = draw(st.sampled_from(NAMES))
    volumes = [
        manifest("Volume", name, project, size="1Gi", deletionPolicy=draw(st.sampled_from(["Retain", "Delete"])))
        for name in ("data", *(f"data-{each}" for each in NAMES))
    ]
    instances = [_instance(draw, project, name, names[0], owner) for name in names]
    return [*_networks(draw, project), *_groups(draw, project), *volumes, *instances]


Fleet = dict[str, list[Manifest]]
"""Manifests, by the project that they are of, or of all."""


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Three projects on two hosts, most of which have nothing to do with each other."""
    return {"": _common(draw)} | {project: _project(draw, project) for project in PROJECTS}


@st.composite
def edited(draw: st.DrawFn, fleet: Fleet) -> Fleet:
    """The same, or with one project made anew, or what all have in common."""
    part = draw(st.sampled_from([*PROJECTS, "", "", None, None, None]))
    if part is None:
        return fleet
    return fleet | {part: _project(draw, part) if part else _common(draw)}


def understood(manifests: Fleet) -> Desired | None:
    """What it desires; None when it has mistakes."""
    every = [each for several in manifests.values() for each in several]
    used = {use["volume"] for each in every for use in each["spec"].get("volumes", {}).values()}
    kept = [each for each in every if each["kind"] != "Volume" or each["metadata"]["name"] in used]
    found, mistakes = load(fleet.blobs(kept), lambda path: None)
    return None if failed(mistakes) else found


@st.composite
def seen(draw: st.DrawFn, desired: Desired, before: Desired) -> list[Snapshot]:
    """What hosts show on which `before` was carried out, and `desired` in part or not at all, after some have been busy
    by hand.
    """
    world = World(hosts=HOSTS)
    world = world.applied(world.plan(before, allow=everything_of(before)))
    if draw(st.booleans()):
        made = world.plan(desired, allow=everything_of(desired) if draw(st.booleans()) else Allow())
        broken = draw(st.sets(st.sampled_from([step.id for step in made.steps]), max_size=2)) if made.steps else ()
        world = world.applied(made, broken=frozenset(broken))
    world = draw(_mixed_up(draw(tampered(world))))
    statuses: list[Status] = [Failed(error="down"), Partial(gaps=("domains",))]
    status = draw(st.sampled_from(statuses))
    shown = world.snapshots({"kvm-02": status} if _rarely(draw) else None)
    room = draw(st.sampled_from([0, 0, 1, 1, 2]))
    return [
        msgspec.structs.replace(each, facts=each.facts and _small(each, room), foreign=draw(_in_the_way(each)))
        for each in shown
    ]


def _small(snapshot: Snapshot, vcpus: int) -> HostFacts:
    """What is there may be more than fits by now: four vCPUs for each, and 0 is no bound."""
    return facts_of(snapshot.host, vcpus=vcpus)


@st.composite
def _mixed_up(draw: st.DrawFn, world: World) -> World:
    """Some objects have a value that another one of their kind has, are smaller than they are to be, or not whole."""
    objects = dict(world.objects)
    for key in draw(st.sets(st.sampled_from(sorted(objects)), max_size=3)) if objects else ():
        alike = [each for other, each in sorted(objects.items()) if other.address.kind == key.address.kind]
        moved = _smaller(objects[key]) if draw(st.integers(0, 3)) == 0 else None
        objects[key] = moved or draw(_with_one_of(objects[key], draw(st.sampled_from(alike))))
    return msgspec.structs.replace(world, objects=objects)


def _smaller(one: Observed) -> Observed | None:
    if one.key.address.kind != "Instance":
        return None
    few: dict[str, Value] = {"vcpus": 0}
    return msgspec.structs.replace(one, stored=one.stored | few, running=one.running and one.running | few)


@st.composite
def _with_one_of(draw: st.DrawFn, one: Observed, other: Observed) -> Observed:
    paths = st.sampled_from(sorted(other.stored) or ["active"])
    moved: dict[str, Value] = {path: other.stored.get(path) for path in draw(st.sets(paths, max_size=3))}
    gone = draw(st.sets(st.sampled_from(sorted(one.stored)), max_size=1)) if one.stored else set()
    stored = {path: value for path, value in (one.stored | moved).items() if path not in gone}
    needs = draw(st.sampled_from([one.needs, one.needs, (*one.needs, *other.needs)]))
    running = None if one.running is None or draw(st.booleans()) else one.running | moved
    return msgspec.structs.replace(one, stored=stored, running=running, needs=needs, incomplete=_rarely(draw))


@st.composite
def _in_the_way(draw: st.DrawFn, snapshot: Snapshot) -> tuple[Foreign, ...]:
    claimed = [identity(each) for each in snapshot.objects]
    if not claimed or not _rarely(draw):
        return ()
    return (Foreign(what="domain", name="other", reason="it has no mark", claims=draw(st.sampled_from(claimed))),)


_UNKNOWN = Address("Instance", "shop", "nobody")


@st.composite
def targets(draw: st.DrawFn, desired: Desired, whole: Plan) -> frozenset[Address]:
    """What an event may name: mostly something that is to be changed."""
    changed = sorted({each.key.address for each in whole.changes})
    ours = [each for each in changed if each.project and each in desired.resources]
    other = st.sampled_from([*changed, *sorted(desired.resources), _UNKNOWN])
    usual = st.sampled_from(ours) if ours else other
    return frozenset(draw(st.sets(other if _rarely(draw) else usual, min_size=1, max_size=2)))


@st.composite
def circumstances(draw: st.DrawFn, desired: Desired) -> dict[str, Any]:
    """What is allowed, who may not use a host, and a host of the fleet that nobody looks at."""
    return {
        "allow": everything_of(desired) if draw(st.booleans()) else Allow(),
        "barred": {"shop": {"kvm-02"}} if _rarely(draw) else {},
        "undeclared": ("kvm-09",) if _rarely(draw) else (),
    }


@given(fleets(), st.data())
def test_the_plan_for_an_event_is_that_of_the_whole_as_far_as_it_is_about_what_is_named(
    manifests: Fleet, data: st.DataObject
) -> None:
    before, desired = understood(manifests), understood(data.draw(edited(manifests)))
    assume(before and desired)
    assert before
    assert desired
    snapshots, around = data.draw(seen(desired, before)), data.draw(circumstances(desired))
    parts: list[Desired] = []

    def planner(part: Desired, shown: list[Snapshot]) -> Plan:
        parts.append(part)
        return planned(part, shown, dict.fromkeys(HOSTS, IMPACTS), Source(commit="c0ffee"), **around).plan

    whole, surroundings = planner(desired, snapshots), Surroundings()
    for _ in range(3):
        named = data.draw(targets(desired, whole))
        found = plan_about(named, desired, snapshots, planner, surroundings)
        assert found == narrowed(whole, named)
        event("of the whole" if parts[-1] is desired else "of less" if not found.changes else "changes, of less")
