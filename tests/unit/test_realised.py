"""Which objects are wanted for a manifest: every declared field in them, and none that nobody declared."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address
from reconciler.desired import load
from reconciler.identity import Identity
from reconciler.kinds.base import Nic, World, resource_kind
from reconciler.kinds.volume import KIND as VOLUME
from reconciler.objects import Await, Observed, Readiness, Wanted
from tests.support.manifests import CONTENT, FULL, KEY, SPECS, blob, manifest

FLEET_ID = SPECS["Fleet"][1]["id"]
WEB = Address("Instance", "default", "web-1")
LAN = Address("Network", "default", "lan")
MAC = "52:54:00:00:00:01"


def wanted(address: Address, *manifests: dict[str, Any], address6: str | None = None) -> Wanted:
    """The object of a resource, where everything is on one host and every NIC of web-1 has one address."""
    desired, diagnostics = load([blob(*manifests)], {"ops.pub": KEY.encode(), "seeds/web": b"#!"}.get)
    assert diagnostics == []
    nic = Nic(LAN, "10.10.0.5", MAC, address6)
    nics = {(each, name): nic for each in desired.resources for name in ("lan", "second")}
    world = World(
        identity=Identity(FLEET_ID),
        resources=desired.resources,
        hosts=dict.fromkeys(desired.resources, ("kvm-01",)),
        nics=nics,
        members={},
    )
    resource = desired.resources[address]
    (found,) = resource_kind(resource).realise(resource, world)
    return found


def full(*more: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """A fleet in which everything is declared, and more; `changes` are specs of other variants by kind."""
    found = {kind: manifest(kind, spec=changes.get(kind, specs[0])) for kind, specs in FULL.items()}
    found["Host"]["metadata"]["labels"] = {"disk": "ssd"}
    zero = manifest("Instance", "web-0", {**FULL["Instance"][2], "readiness": "none", "autostart": False})
    return [*found.values(), manifest("Project", "far", {}), zero, *more]


USUAL = [manifest(kind) for kind in SPECS]
ALWAYS = {
    *("powerState", "vcpus", "memory", "disk.size", "image", "machine", "virtType", "boot.commandLine"),
    *("seed.hostname", "seed.keys", "seed.userData"),
}
PER_NIC = {"network", "mac", "address", "securityGroups", "dnsName", "filter"}


def test_of_an_instance_nothing_is_wanted_that_nobody_declared() -> None:
    plain = manifest("Instance", spec=FULL["Instance"][2])
    rest = [each for each in USUAL if each["kind"] not in ("Instance", "Host", "Project")]
    found = wanted(WEB, *rest, plain, manifest("Host", spec={}))
    assert found.fields.keys() == ALWAYS | {f"nics.lan.{name}" for name in PER_NIC}
    assert found.guards == ()
    assert found.awaits == ()
    assert found.ready == Readiness(check="running", deadline=300)


def test_of_an_instance_all_is_wanted_that_was_declared() -> None:
    found = wanted(WEB, *full(), address6="fd00:10::5")
    expected = {
        "cpu": "maximum",
        "autostart": True,
        "vcpus": 2,
        "vcpus.max": 8,
        "memory": 1 << 30,
        "memory.max": 4 << 30,
        "firmware": "uefi",
        "secureBoot": True,
        "guestAgent": True,
        "machine": "q35",
        "extra.hw:cpu_cores": 2,
        "extra.hw_rng:allowed": True,
        "extra.quota:vif_inbound_average": 10000,
        "volumes.disk.volume": "Volume/default/data",
        "volumes.disk.readOnly": True,
        "nics.lan.address6": "fd00:10::5",
        "seed.userData": "secret:web-seed",
    }
    assert {path: found.fields.get(path) for path in expected} == expected
    serial = Identity(FLEET_ID).serial(Address("Volume", "default", "data"))
    assert found.fields["volumes.disk.serial"] == serial
    assert sum(path.startswith("extra.") for path in found.fields) == len(FULL["Flavor"][0]["extraSpecs"])
    assert found.guards == ("after:Instance/default/web-0", "allow:restart", "protected")
    assert found.ready == Readiness(check="cloud-init", deadline=900)


def test_an_instance_stands_after_its_disks_and_waits_for_those_that_it_depends_on() -> None:
    found = wanted(WEB, *full())
    assert Address("Volume", "default", "data") in {key.address for key in found.needs}
    (awaited,) = found.awaits
    assert isinstance(awaited, Await)
    assert (awaited.key.address.name, awaited.readiness.check) == ("web-0", "none")
    assert awaited.key.address not in {key.address for key in found.needs}


def test_what_a_seed_is_made_of_goes_beside_what_is_compared() -> None:
    secret = wanted(WEB, *full(), address6="fd00:10::5").payload
    assert secret["userDataSecret"] == "web-seed"
    assert "userData" not in secret
    network = {name: secret[f"nics.lan.{name}"] for name in ("gateway", "prefix", "gateway6", "prefix6", "dns", "dhcp")}
    assert network == {
        "gateway": "10.10.0.1",
        "prefix": "24",
        "gateway6": "fd00:10::1",
        "prefix6": "64",
        "dns": "9.9.9.9 2620:fe::fe",
        "dhcp": "",
    }
    usual = wanted(WEB, *USUAL).payload
    assert usual["userData"] == "#cloud-config\n"
    assert usual["nics.lan.dhcp"] == "yes"
    assert "nics.lan.gateway6" not in usual


def test_user_data_of_a_file_is_that_of_the_manifest() -> None:
    here = {**FULL["Instance"][2], "userData": "#!"}
    there = FULL["Instance"][1]
    one, other = (wanted(WEB, *full(Instance=spec)) for spec in (here, there))
    assert one.fields["seed.userData"] == other.fields["seed.userData"]
    assert one.payload["userData"] == other.payload["userData"] == "#!"


PLAIN: dict[str, Any] = {
    "active": True,
    "mode": "nat",
    "cidr": "10.10.0.0/29",
    "gateway": "10.10.0.1",
    "addresses": "10.10.0.2-10.10.0.6",
    "dns.domain": None,
}
NETWORKS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"cidr": "10.10.0.0/29"}, PLAIN, "a plain one"),
    (
        {"cidr": "10.10.0.0/29", "cidr6": "FD00:0:10::/64", "dhcp": False, "dns": {"servers": ["2620:FE:0::fe"]}},
        {
            **PLAIN,
            "cidr6": "fd00:0:10::/64",
            "gateway6": "fd00:0:10::1",
            "dhcp": False,
            "dns.servers": ("2620:fe::fe",),
        },
        "all that it may have, in canonical form",
    ),
    (
        {"cidr": "10.10.0.0/29", "mode": "bridge", "physicalNetwork": "office"},
        {"active": True, "mode": "bridge", "cidr": "10.10.0.0/29", "physicalNetwork": "office", "vlan": None},
        "a wire, untagged",
    ),
    (
        {"cidr": "10.10.0.0/29", "cidr6": "fd00:10::/64", "mode": "bridge", "physicalNetwork": "office", "vlan": 7},
        {
            "active": True,
            "mode": "bridge",
            "cidr": "10.10.0.0/29",
            "cidr6": "fd00:10::/64",
            "gateway6": None,
            "physicalNetwork": "office",
            "vlan": 7,
        },
        "a wire without a router",
    ),
]


@pytest.mark.parametrize(("spec", "fields", "reason"), NETWORKS, ids=[reason for *_, reason in NETWORKS])
def test_a_network_is_wanted_as_its_mode_has_it(spec: dict[str, Any], fields: dict[str, Any], reason: str) -> None:
    assert wanted(LAN, manifest("Fleet"), manifest("Network", spec=spec)).fields == fields, reason


DATA = Address("Volume", "default", "data")


def volume(**spec: Any) -> Wanted:
    image = manifest("Image", spec=CONTENT)
    return wanted(DATA, manifest("Fleet"), image, manifest("Volume", spec={"size": "4Gi", **spec}))


def test_a_volume_is_blank_and_kept_unless_somebody_says_otherwise() -> None:
    assert volume().fields == {"size": 4 << 30, "format": "qcow2"}
    assert volume().guards == ()
    assert volume(pool="fast", format="raw").fields == {"size": 4 << 30, "format": "raw", "pool": "fast"}
    assert volume(deletionPolicy="Delete", protected=True).guards == ("deletable", "protected")


def test_a_volume_from_an_image_needs_it_and_keeps_its_content_id() -> None:
    found = volume(image="tiny")
    (image,) = found.needs
    assert found.fields["image"] == f"tiny@{image.part}"


@pytest.mark.parametrize(
    ("guards", "incomplete", "kept"),
    [((), False, True), (("protected",), False, True), (("deletable",), False, False), ((), True, False)],
)
def test_a_volume_stays_unless_its_mark_says_otherwise(guards: tuple[str, ...], incomplete: bool, kept: bool) -> None:
    key = volume().key
    found = Observed(key=key, origin=DATA, uid="1", stored={}, guards=guards, incomplete=incomplete)
    assert VOLUME.retained(found) == kept
