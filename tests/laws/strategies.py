"""Random fleets, small enough to read when one breaks a law.

An instance's host follows from its name, since nothing moves by itself; disk sizes, networks and what volumes start
from are fixed, since a shrink and a change of what is attached or holds data are refused; an instance has a volume of
its own, and depends on those before it alone. Everything else varies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from reconciler.address import ObjectKey
from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.guard.allow import CONSENTABLE
from reconciler.objects import Ended, Observed, RestartPolicy, Value
from reconciler.snapshots import identity
from tests.support import fleet
from tests.support.fleet import Manifest
from tests.support.world import World, fallen

HOSTS = ("kvm-01", "kvm-02")
NETWORKS = {"lan": "kvm-01", "dmz": "kvm-01", "far": "kvm-02"}
WIRE = "wire"
"""A network of mode bridge, which is on both hosts."""
JOINABLE = (*NETWORKS, WIRE)
DUAL = ("lan", WIRE)
"""Networks with IPv6 as well."""
INSTANCES = {"web-1": "kvm-01", "web-2": "kvm-01", "web-3": "kvm-01", "db-1": "kvm-02", "db-2": "kvm-02"}
GROUPS = ("web", "db")
LAVISH = {"deletionBudget": {"count": 100, "percent": 100}}


@st.composite
def _group(draw: st.DrawFn, name: str, known: list[str]) -> Manifest:
    rules: list[dict[str, Any]] = [{"protocol": "tcp", "ports": draw(st.sampled_from([22, 80, 443]))}]
    if draw(st.booleans()):
        rules.append({"remote": {"group": draw(st.sampled_from(known))}})
    return fleet.group(name, ingress=rules)


def _network(name: str) -> Manifest:
    number = JOINABLE.index(name)
    where = {"host": NETWORKS[name]} if name in NETWORKS else {"mode": "bridge", "physicalNetwork": "wire"}
    dual = {"cidr6": f"fd00:{number}::/64"} if name in DUAL else {}
    return fleet.network(name, cidr=f"10.{number}.0.0/24", **where, **dual)


@st.composite
def _nic(draw: st.DrawFn, name: str, network: str) -> dict[str, str]:
    number, own = JOINABLE.index(network), list(INSTANCES).index(name)
    nic = {"address": f"10.{number}.0.{100 + own}"} if draw(st.booleans()) else {}
    return nic | ({"address6": f"fd00:{number}::f00{own}"} if network in DUAL and draw(st.booleans()) else {})


@st.composite
def _volume(draw: st.DrawFn, name: str) -> Manifest:
    spec: dict[str, Any] = {"deletionPolicy": draw(st.sampled_from(["Retain", "Delete"])), "host": INSTANCES[name]}
    return fleet.volume(f"data-{name}", **spec, **({"image": "template"} if name == "web-1" else {}))


@st.composite
def _instance(draw: st.DrawFn, name: str, groups: list[str], before: list[str], volumes: list[str]) -> Manifest:
    at = INSTANCES[name]
    choice = [network for network in JOINABLE if NETWORKS.get(network, at) == at]
    joined = draw(st.lists(st.sampled_from(choice), min_size=1, unique=True))
    pinned = any(network in NETWORKS for network in joined)
    own = f"data-{name}"
    disks = {"data": {"volume": own, "readOnly": draw(st.booleans())}} if own in volumes and draw(st.booleans()) else {}
    spec: dict[str, Any] = {
        "placement": {} if pinned and draw(st.booleans()) else {"host": at},
        "volumes": disks,
        "dependsOn": draw(st.lists(st.sampled_from(before), unique=True)) if before else [],
        "image": draw(st.sampled_from(["debian", "alpine"])),
        "flavor": draw(st.sampled_from(["small", "large"])),
        "powerState": draw(st.sampled_from(["Running", "Stopped"])),
        "restartPolicy": draw(st.sampled_from(get_args(RestartPolicy))),
        "securityGroups": draw(st.lists(st.sampled_from(["default", *groups]), unique=True)),
        "networks": {network: draw(_nic(name, network)) for network in joined},
    }
    if draw(st.booleans()):
        spec["userData"] = draw(st.sampled_from(["#!/bin/true", "#!/bin/false"]))
    return fleet.instance(name, **spec)


@st.composite
def fleets(draw: st.DrawFn, /, **spec: Any) -> list[Manifest]:
    """The manifests of a fleet on two hosts."""
    groups = draw(st.lists(st.sampled_from(GROUPS), unique=True))
    names = sorted(draw(st.lists(st.sampled_from(list(INSTANCES)), unique=True, max_size=4)))
    disks = draw(st.lists(st.sampled_from(list(INSTANCES)), unique=True, max_size=3))
    volumes = [draw(_volume(name)) for name in disks]
    owners = [each["metadata"]["name"] for each in volumes]
    return [
        fleet.fleet(**{**LAVISH, **spec}),
        *(fleet.host(name) for name in HOSTS),
        fleet.flavor("small", vcpus=draw(st.integers(1, 2))),
        fleet.flavor("large", memory=draw(st.sampled_from(["1Gi", "2Gi"]))),
        *(fleet.image(name, draw(st.sampled_from("abc")), format="raw") for name in ("debian", "alpine")),
        fleet.image("template", "f", format="raw"),
        *map(_network, JOINABLE),
        *volumes,
        *(draw(_group(name, [*groups, "default"])) for name in groups),
        *(draw(_instance(name, groups, names[:index], owners)) for index, name in enumerate(names)),
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
        if draw(st.booleans()) and (not used or key.address.kind == "Volume"):
            del objects[key]
        else:
            objects[key] = draw(_moved(objects[key]))
    return msgspec.structs.replace(world, objects=objects)


@st.composite
def _moved(draw: st.DrawFn, observed: Observed) -> Observed:
    if observed.running is not None and observed.key.address.kind == "Instance" and draw(st.booleans()):
        return fallen(observed, draw(st.sampled_from(get_args(Ended))))
    moved = {path: _OTHER[path] for path in _OTHER if path in observed.stored and draw(st.booleans())}
    form = draw(st.sampled_from(["stored", "running", "both"]))
    stored, running = dict(observed.stored), dict(observed.running or {})
    if form != "running":
        stored |= moved
    if form != "stored":
        running |= {path: value for path, value in moved.items() if path in running}
    return msgspec.structs.replace(observed, stored=stored, running=running if observed.running else None)


def without_choices(objects: Iterable[Observed], retained: Collection[ObjectKey] = ()) -> dict[ObjectKey, Observed]:
    """What stands, without what a plan chose among equals (undeclared addresses), who last wrote it, how it was once
    stopped, and the volumes that stay with their data though nobody declares them.
    """
    return {identity(each): _plain(each) for each in objects if each.key not in retained}


def _plain(each: Observed) -> Observed:
    return msgspec.structs.replace(
        each,
        commit="",
        ended="",
        stored=_unchosen(each.stored),
        running=None if each.running is None else _unchosen(each.running),
        owned={path: digest for path, digest in each.owned.items() if not _chosen(path)},
    )


def _unchosen(fields: dict[str, Value]) -> dict[str, Value]:
    return {path: value for path, value in fields.items() if not _chosen(path)}


def _chosen(path: str) -> bool:
    return path == "members" or (path.startswith("nics.") and path.endswith((".address", ".address6", ".mac")))
