"""Random fleets, small enough to read when one breaks a law.

An instance's host follows from its name, since nothing moves by itself; disk sizes and networks are fixed, since a
shrink and a change under attached instances are refused. Everything else varies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from reconciler.address import ObjectKey
from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.guard.allow import CONSENTABLE
from reconciler.objects import Observed, Value
from reconciler.snapshots import identity
from tests.support import fleet
from tests.support.fleet import Manifest
from tests.support.world import World

HOSTS = ("kvm-01", "kvm-02")
NETWORKS = {"lan": "kvm-01", "dmz": "kvm-01", "far": "kvm-02"}
INSTANCES = {"web-1": "kvm-01", "web-2": "kvm-01", "web-3": "kvm-01", "db-1": "kvm-02", "db-2": "kvm-02"}
GROUPS = ("web", "db")
LAVISH = {"deletionBudget": {"count": 100, "percent": 100}}


@st.composite
def _group(draw: st.DrawFn, name: str, known: list[str]) -> Manifest:
    rules: list[dict[str, Any]] = [{"protocol": "tcp", "ports": draw(st.sampled_from([22, 80, 443]))}]
    if draw(st.booleans()):
        rules.append({"remote": {"group": draw(st.sampled_from(known))}})
    return fleet.group(name, ingress=rules)


@st.composite
def _instance(draw: st.DrawFn, name: str, groups: list[str]) -> Manifest:
    at = INSTANCES[name]
    choice = [network for network, host in NETWORKS.items() if host == at]
    joined = draw(st.lists(st.sampled_from(choice), min_size=1, unique=True))
    declared = draw(st.booleans())
    nics = {nic: {"address": f"10.{list(NETWORKS).index(nic)}.0.{100 + list(INSTANCES).index(name)}"} for nic in joined}
    spec: dict[str, Any] = {
        "placement": {"host": at},
        "image": draw(st.sampled_from(["debian", "alpine"])),
        "flavor": draw(st.sampled_from(["small", "large"])),
        "powerState": draw(st.sampled_from(["Running", "Stopped"])),
        "securityGroups": draw(st.lists(st.sampled_from(["default", *groups]), unique=True)),
        "networks": nics if declared else {nic: {} for nic in joined},
    }
    if draw(st.booleans()):
        spec["userData"] = draw(st.sampled_from(["#!/bin/true", "#!/bin/false"]))
    return fleet.instance(name, **spec)


@st.composite
def fleets(draw: st.DrawFn, **spec: Any) -> list[Manifest]:
    """The manifests of a fleet on two hosts."""
    groups = draw(st.lists(st.sampled_from(GROUPS), unique=True))
    names = draw(st.lists(st.sampled_from(list(INSTANCES)), unique=True, max_size=4))
    return [
        fleet.fleet(**{**LAVISH, **spec}),
        *(fleet.host(name) for name in HOSTS),
        fleet.flavor("small", vcpus=draw(st.integers(1, 2))),
        fleet.flavor("large", memory=draw(st.sampled_from(["1Gi", "2Gi"]))),
        *(fleet.image(name, draw(st.sampled_from("abc")), format="raw") for name in ("debian", "alpine")),
        *(
            fleet.network(name, host=host, cidr=f"10.{index}.0.0/24")
            for index, (name, host) in enumerate(NETWORKS.items())
        ),
        *(draw(_group(name, [*groups, "default"])) for name in groups),
        *(draw(_instance(name, groups)) for name in names),
    ]


def everything(manifests: list[Manifest]) -> Allow:
    """Consent to any impact on anything that the manifests name."""
    return everything_of(fleet.desired(*manifests))


def everything_of(desired: Desired) -> Allow:
    """Consent to any impact on anything that is desired."""
    return Allow(impacts=frozenset((impact, address) for impact in CONSENTABLE for address in desired.resources))


def built(manifests: list[Manifest], world: World | None = None) -> World:
    """The world after a run with full consent."""
    world = world or World(hosts=HOSTS)
    return world.applied(world.plan(fleet.desired(*manifests), allow=everything(manifests)))


_OTHER: dict[str, Value] = {"vcpus": 7, "memory": 1 << 30, "nics.lan.filter": "absent", "members": (), "active": False}


@st.composite
def tampered(draw: st.DrawFn, world: World) -> World:
    """The world after somebody changed, or removed, some objects by hand."""
    objects = dict(world.objects)
    for key in draw(st.lists(st.sampled_from(sorted(objects)), unique=True, max_size=3)) if objects else []:
        used = any(key in each.needs for each in objects.values())
        if draw(st.booleans()) and not used:
            del objects[key]
        else:
            objects[key] = draw(_moved(objects[key]))
    return msgspec.structs.replace(world, objects=objects)


@st.composite
def _moved(draw: st.DrawFn, observed: Observed) -> Observed:
    moved = {path: _OTHER[path] for path in _OTHER if path in observed.stored and draw(st.booleans())}
    form = draw(st.sampled_from(["stored", "running", "both"]))
    stored, running = dict(observed.stored), dict(observed.running or {})
    if form != "running":
        stored |= moved
    if form != "stored":
        running |= {path: value for path, value in moved.items() if path in running}
    return msgspec.structs.replace(observed, stored=stored, running=running if observed.running else None)


def without_choices(objects: Iterable[Observed]) -> dict[ObjectKey, Observed]:
    """What stands, without what a plan chose among equals (undeclared addresses) and who last wrote it."""
    return {identity(each): _plain(each) for each in objects}


def _plain(each: Observed) -> Observed:
    return msgspec.structs.replace(
        each,
        commit="",
        stored=_unchosen(each.stored),
        running=None if each.running is None else _unchosen(each.running),
        owned={path: digest for path, digest in each.owned.items() if not _chosen(path)},
    )


def _unchosen(fields: dict[str, Value]) -> dict[str, Value]:
    return {path: value for path, value in fields.items() if not _chosen(path)}


def _chosen(path: str) -> bool:
    return path == "members" or (path.startswith("nics.") and path.endswith((".address", ".mac")))
