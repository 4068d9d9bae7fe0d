"""A plan made from what changed is the plan of the whole fleet, on random fleets and whatever is edited in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st

from tests.laws.strategies import everything_of, tampered
from tests.support import fleet
from tests.support.fleet import Manifest, manifest
from tests.support.remembered import Fleet, remembered, short, whole
from tests.support.world import World

HOSTS = ("kvm-01", "kvm-02", "kvm-03")
HOMES = {"shop": "kvm-01", "blog": "kvm-02", "ops": "kvm-03"}


def _common() -> dict[str, Manifest]:
    manifests = [fleet.fleet(deletionBudget={"count": 100, "percent": 100})]
    manifests += [*map(fleet.host, HOSTS), fleet.flavor("small"), fleet.flavor("large", vcpus=2)]
    manifests += [fleet.image(name, content, format="raw") for name, content in (("debian", "a"), ("alpine", "b"))]
    return {f"common.yaml#{number}": each for number, each in enumerate(manifests)}


GROUPS = ["web", "default", "shop/web"]


@st.composite
def _lan(draw: st.DrawFn, project: str, wild: bool) -> Manifest:
    number = draw(st.sampled_from([list(HOMES).index(project), 7]))
    host = {} if wild and draw(st.booleans()) else {"host": HOMES[project]}
    share = draw(st.sampled_from([[], ["*"], ["shop"]])) if wild else []
    return manifest("Network", "lan", project, cidr=f"10.{number}.0.0/24", shareWith=share, **host)


@st.composite
def _wire(draw: st.DrawFn, project: str, wild: bool) -> Manifest:
    number = 10 if wild and draw(st.booleans()) else 11 + list(HOMES).index(project)
    vlan: dict[str, Any] = draw(st.sampled_from([{}, {"vlan": 1}, {"vlan": 2}]))
    return manifest(
        "Network", "wire", project, cidr=f"10.{number}.0.0/24", mode="bridge", physicalNetwork="wire", **vlan
    )


@st.composite
def _group(draw: st.DrawFn, project: str, wild: bool) -> Manifest:
    port, remote = draw(st.sampled_from([22, 80])), draw(st.sampled_from(GROUPS if wild else GROUPS[:2]))
    share = draw(st.sampled_from([[], ["*"], ["shop"]])) if wild else ["*"] if project == "shop" else []
    rule = {"protocol": "tcp", "ports": port, "remote": {"group": remote}}
    return manifest("SecurityGroup", "web", project, ingress=[rule], shareWith=share)


@st.composite
def _instance(draw: st.DrawFn, project: str, wild: bool, name: str) -> Manifest:
    lan = draw(st.sampled_from(["lan", "lan", "lan", "wire"]))
    hosts = [{"host": HOMES[project]}, *([{}, {"host": "kvm-02"}] if wild else [])]
    spec: dict[str, Any] = {
        "flavor": draw(st.sampled_from(["small", "large"])),
        "image": draw(st.sampled_from(["debian", "alpine"])),
        "networks": {lan: {}},
        "securityGroups": draw(st.lists(st.sampled_from(GROUPS[: 3 if wild else 2]), unique=True, max_size=2)),
        "powerState": draw(st.sampled_from(["Running", "Running", "Stopped"])),
        "placement": {} if lan == "lan" and draw(st.booleans()) else draw(st.sampled_from(hosts)),
        "dependsOn": draw(st.sampled_from([[], ["a"], ["shop/a"]])) if wild and name != "a" else [],
    }
    origin = draw(st.sampled_from([None, None, "old", "shop/c"])) if wild and name == "c" else None
    return manifest("Instance", name, project, origin, **spec)


@st.composite
def _volume(draw: st.DrawFn, project: str, wild: bool) -> Manifest:
    host = {} if wild and draw(st.booleans()) else {"host": HOMES[project]}
    policy = draw(st.sampled_from(["Retain", "Delete"]))
    return manifest("Volume", "data", project, size="1Gi", deletionPolicy=policy, **host)


@st.composite
def _project(draw: st.DrawFn, project: str, wild: bool) -> Manifest:
    return manifest("Project", project, quotas=draw(st.sampled_from([{}, {"instances": 2}])) if wild else {})


Part = Callable[[bool], st.SearchStrategy[Manifest]]
"""One manifest: as all of a fleet may be that has no mistakes, or wild."""
OPTIONAL: dict[str, Part] = {}
NEEDED: dict[str, Part] = {}
PROJECTS: dict[str, Part] = {}
for _home in HOMES:
    OPTIONAL |= {f"{_home}/{name}.yaml": partial(_instance, _home, name=name) for name in "abc"}
    OPTIONAL |= {f"{_home}/all.yaml#data": partial(_volume, _home)}
    rest = {"lan": _lan, "wire": _wire, "web": _group}
    NEEDED |= {f"{_home}/all.yaml#{name}": partial(part, _home) for name, part in rest.items()}
    PROJECTS |= {f"projects.yaml#{_home}": partial(_project, _home)}
PARTS = OPTIONAL | NEEDED | PROJECTS


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Manifest]:
    """A fleet of three projects, each with a host of its own; all together, or some, may have to do with each other."""
    chosen = NEEDED | (PROJECTS if draw(st.booleans()) else {})
    chosen |= {name: OPTIONAL[name] for name in draw(st.sets(st.sampled_from(sorted(OPTIONAL)), min_size=3))}
    return _common() | {name: draw(part(False)) for name, part in chosen.items()}


@st.composite
def edited(draw: st.DrawFn, manifests: Fleet) -> dict[str, Manifest]:
    """The fleet after a commit that adds, changes or removes some manifests."""
    found = dict(manifests)
    for name in draw(st.sets(st.sampled_from(sorted(PARTS)), max_size=2)):
        if name in found and draw(st.sampled_from([False, False, False, True])):
            del found[name]
        else:
            found[name] = draw(PARTS[name](draw(st.booleans())))
    if draw(st.integers(0, 9)) == 0:
        found["common.yaml#5"] = fleet.flavor("large", vcpus=draw(st.integers(2, 3)))
    return found


def _built(manifests: Fleet) -> World:
    found = whole(manifests, World(hosts=HOSTS))
    assume(found)
    assert found
    world = World(hosts=HOSTS)
    return world.applied(world.plan(found[0], allow=everything_of(found[0])))


@st.composite
def _moved_on(draw: st.DrawFn, manifests: Fleet, world: World) -> World:
    """The world as it was, or after somebody has applied this commit, or another one."""
    found = whole(draw(edited(manifests)) if draw(st.booleans()) else manifests, world)
    if found is None or draw(st.booleans()):
        return world
    return world.applied(world.plan(found[0], allow=everything_of(found[0])))


@given(fleets(), st.booleans(), st.data())
def test_a_plan_from_what_changed_is_that_of_the_whole(before: Fleet, glances: bool, data: st.DataObject) -> None:
    world = _built(before)
    standing = remembered(before, world, glances=glances)
    for _ in range(3):
        if standing is None:
            event("nothing is remembered")
            return
        before, world = data.draw(edited(before)), data.draw(tampered(data.draw(_moved_on(before, world))))
        made, found = short(standing, before, world, glances=glances), whole(before, world)
        event("short" if made else "mistakes" if found is None else "whole")
        assert made is None or found is not None
        if made and found:
            assert msgspec.json.encode(made.plan) == msgspec.json.encode(found[1].plan)
        standing = made.remembered if made else remembered(before, world, glances=glances) if found else None
