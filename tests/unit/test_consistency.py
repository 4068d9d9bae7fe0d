"""What resources may say of each other, by the codes of what is wrong with the rest."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.desired import load
from reconciler.diagnostic import Diagnostic
from reconciler.manifest import Blob
from tests.support.manifests import KEY, blob, fleet, manifest

PLAIN = {"flavor": "small", "image": "tiny", "networks": {"lan": {}}}
WIRE = {"mode": "bridge", "physicalNetwork": "office"}
SIX = {"cidr": "10.66.0.0/24", "cidr6": "fd00:66::/64"}


def told(*more: dict[str, Any], without: tuple[str, ...] = ("Project",), **changes: Any) -> list[Diagnostic]:
    """What is said of the usual fleet with more in it, and with `changes` of usual specs by their kinds."""
    replaced = [manifest(kind, spec=spec) for kind, spec in changes.items()]
    return load(fleet(*replaced, *more, without=(*without, *changes)), lambda path: None)[1]


def codes(*more: dict[str, Any], **changes: Any) -> list[str]:
    return [diagnostic.code for diagnostic in told(*more, **changes)]


def instance(name: str, project: str = "default", **spec: Any) -> dict[str, Any]:
    return manifest("Instance", name, {**PLAIN, **spec}, project=project)


def network(name: str, project: str = "default", **spec: Any) -> dict[str, Any]:
    return manifest("Network", name, spec, project=project)


def host(name: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return manifest("Host", name, spec, labels=labels or {})


def volume(name: str, project: str = "default", **spec: Any) -> dict[str, Any]:
    return manifest("Volume", name, {"size": "1Gi", **spec}, project=project)


def key(name: str, project: str, *shared: str) -> dict[str, Any]:
    return manifest("Keypair", name, {"publicKey": KEY, "shareWith": list(shared)}, project=project)


def group(name: str, project: str, *shared: str, **spec: Any) -> dict[str, Any]:
    return manifest("SecurityGroup", name, {"shareWith": list(shared), **spec}, project=project)


FAR = {"network": "far/wide"}
WIDE = {"cidr": "10.30.0.0/24"}


def damaged(**spec: Any) -> dict[str, Any]:
    return manifest("Keypair", "root", spec, project="far")


ROOT = instance("a", keypairs=["far/root"])
MEMBERS = group("db", "default", ingress=[{"remote": {"group": "far/web"}}])
FAR_DISK = {"disk": {"volume": "far/disk"}}
SHARING: list[tuple[list[dict[str, Any]], list[str], str]] = [
    ([key("root", "far", "default"), ROOT], [], "with this project"),
    ([key("root", "far", "*"), ROOT], [], "with all"),
    ([key("root", "far", "other"), ROOT], ["not-shared"], "with another one"),
    ([key("root", "far"), ROOT], ["not-shared"], "with nobody"),
    ([network("wide", "far", **WIDE, shareWith=["*"]), instance("a", networks={"lan": FAR})], [], "a network"),
    ([network("wide", "far", **WIDE), instance("a", networks={"lan": FAR})], ["not-shared"], "a network kept"),
    ([group("web", "far", "*"), instance("a", securityGroups=["far/web"])], [], "a group"),
    ([group("web", "far", "*"), MEMBERS], [], "the members of a group"),
    ([group("web", "far"), MEMBERS], ["not-shared"], "those of a group kept"),
    ([volume("disk", "far"), instance("a", volumes=FAR_DISK)], ["not-shared"], "no volume ever"),
    ([instance("b", "far", networks={"lan": {"network": "default/lan"}})], ["not-shared"], "the other way round"),
    ([ROOT], ["unknown-reference"], "what is not there"),
    ([damaged(publicKey=""), ROOT], ["bad-public-key"], "what has a mistake"),
    ([damaged(public=""), ROOT], ["unknown-field"], "what has another mistake"),
    ([damaged(publicKey=KEY, shareWith="*"), ROOT], ["wrong-type"], "what may be shared, once it is mended"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), SHARING, ids=[reason for *_, reason in SHARING])
def test_what_another_project_has_is_used_when_it_is_shared(
    more: list[dict[str, Any]], expected: list[str], reason: str
) -> None:
    assert sorted(codes(*more)) == sorted(expected), reason


SHOP = manifest("Project", "shop", {})
PROJECTS: list[tuple[list[dict[str, Any]], list[str], str]] = [
    ([key("me", "far")], [], "none is declared"),
    ([SHOP, key("me", "shop")], [], "a declared one"),
    ([SHOP, key("me", "default")], [], "default needs no manifest"),
    ([SHOP, key("me", "far")], ["undeclared-project"], "another one"),
    ([SHOP, key("me", "shop", "far")], ["undeclared-project"], "what is shared with another one"),
    ([SHOP, key("me", "shop", "*", "default")], [], "what is shared with all"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), PROJECTS, ids=[reason for *_, reason in PROJECTS])
def test_where_projects_are_declared_all_have_to_be(
    more: list[dict[str, Any]], expected: list[str], reason: str
) -> None:
    assert codes(*more) == expected, reason


def test_no_project_is_missing_while_a_file_cannot_be_read() -> None:
    unread = [*fleet(SHOP, key("me", "far")), Blob("unread.yaml", b"\xff")]
    assert [diagnostic.code for diagnostic in load(unread, lambda path: None)[1]] == ["not-utf-8"]


def at(name: str, project: str = "default", **nics: Any) -> dict[str, Any]:
    return instance(name, project, networks=nics)


ADDRESSES: list[tuple[dict[str, Any], list[str], str]] = [
    ({"address6": "fd00:66::100"}, [], "the first behind those that belong to others"),
    ({"address6": "fd00:66::ffff"}, [], "one far behind"),
    ({"address": "10.66.0.9", "address6": "fd00:66::9"}, [], "the one that it would have anyway"),
    ({"address": "10.66.0.9", "address6": "fd00:66::a"}, ["address-derived"], "another one's"),
    ({"address6": "fd00:66::9"}, ["address-derived"], "one that belongs to whoever gets 10.66.0.9"),
    ({"address6": "fd00:66::1"}, ["address-reserved"], "the gateway's"),
    ({"address6": "fd00:66::"}, ["address-reserved"], "the network's own"),
    ({"address6": "fd00:67::100"}, ["address-outside-network"], "another network's"),
    ({"address": "10.66.0.1"}, ["address-reserved"], "the gateway's IPv4"),
]


@pytest.mark.parametrize(("nic", "expected", "reason"), ADDRESSES, ids=[reason for *_, reason in ADDRESSES])
def test_no_declared_address_is_anybody_elses(nic: dict[str, Any], expected: list[str], reason: str) -> None:
    assert codes(network("six", **SIX), at("a", six=nic)) == expected, reason


def test_an_ipv6_address_is_one_whatever_its_form() -> None:
    first, second = {"network": "six", "address6": "fd00:66::1:0"}, {"network": "six", "address6": "FD00:66:0::1:0000"}
    assert codes(network("six", **SIX), at("a", one=first), at("b", one=second)) == ["address-taken"]
    assert codes(network("six", **SIX), at("a", one=first, two=second)) == ["address-taken"]


def test_a_network_as_small_as_its_ipv4_one_has_nothing_behind_it() -> None:
    small = network("six", cidr="10.66.0.0/16", cidr6="fd00:66::/112")
    (derived,) = told(small, at("a", six={"address6": "fd00:66::9"}))
    assert derived.code == "address-derived"
    assert "or choose" not in derived.detail
    assert codes(small, at("a", six={"address": "10.66.0.9", "address6": "fd00:66::9"})) == []


def test_without_cidr6_there_is_no_ipv6_address() -> None:
    assert codes(at("a", lan={"address6": "fd00::9"})) == ["no-ipv6"]


SECOND = host("kvm-02")
ON_SECOND: dict[str, Any] = {"placement": {"host": "kvm-02"}}
ON_FIRST: dict[str, Any] = {"placement": {"host": "kvm-01"}}
OFFICE = network("wire", **WIRE, cidr="10.10.0.0/16")
TAGGED = network("other", **WIRE, vlan=7, cidr="10.40.0.0/24")
TWO_WIRES = [network("wire", **WIRE, cidr="10.40.0.0/16"), TAGGED]
ONE_WIRE = [*TWO_WIRES, network("third", **WIRE, vlan=7, cidr="10.40.0.128/25")]
LOOSE = [network("two", cidr="10.40.0.0/16"), network("three", cidr="10.40.0.0/24", host="kvm-02")]
OVERLAP = ["networks-overlap"]
OVERLAPS: list[tuple[list[dict[str, Any]], list[str], str]] = [
    ([network("two", **SIX), network("one", cidr="10.67.0.0/24", cidr6="fd00:66::/112")], OVERLAP, "IPv6"),
    ([network("two", **SIX), network("one", cidr="10.66.0.0/16", cidr6="fd00:66::/48")], OVERLAP, "both, told once"),
    ([OFFICE], OVERLAP, "a wire on the only host"),
    ([SECOND, OFFICE], [], "a wire that nobody is on yet"),
    ([SECOND, OFFICE, instance("a", networks={"wire": {}}, **ON_SECOND)], [], "a wire that is needed elsewhere"),
    ([SECOND, OFFICE, instance("a", networks={"wire": {}}, **ON_FIRST)], OVERLAP, "a wire that is needed here"),
    ([SECOND, *TWO_WIRES, at("a", wire={}), at("b", other={})], [], "two wires that may never meet"),
    ([SECOND, *ONE_WIRE], OVERLAP, "one wire, whatever hosts it reaches"),
    ([SECOND, *TWO_WIRES, at("a", wire={}, other={})], OVERLAP, "two wires to a guest, wherever it is"),
    ([SECOND, *TWO_WIRES, instance("a", networks={"wire": {}, "other": {}}, **ON_SECOND)], OVERLAP, "to one guest"),
    ([SECOND, *LOOSE, instance("a", networks={"two": {}}, **ON_SECOND)], OVERLAP, "a network that follows its guest"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), OVERLAPS, ids=[reason for *_, reason in OVERLAPS])
def test_networks_that_meet_on_a_host_do_not_overlap(
    more: list[dict[str, Any]], expected: list[str], reason: str
) -> None:
    assert codes(*more) == expected, reason


def test_a_name_leads_to_one_guest_of_a_shared_network() -> None:
    wide = network("wide", "far", **WIDE, shareWith=["*"])
    assert codes(wide, at("a", lan=FAR), at("a", "shop", lan=FAR)) == ["name-taken"]
    assert codes(wide, at("a", lan=FAR), at("b", "shop", lan=FAR)) == []
    assert codes(wide, at("a", one=FAR, two=FAR)) == []


DISKS: list[tuple[list[dict[str, Any]], list[str], str]] = [
    ([instance("a", volumes={"x": {"volume": "disk"}})], [], "one disk"),
    ([instance("a", volumes={"disk": {}}), instance("b", volumes={"disk": {}})], ["volume-in-use"], "of two instances"),
    ([instance("a", volumes={"disk": {}, "x": {"volume": "disk"}})], ["volume-in-use"], "twice of one"),
    ([instance("a", volumes={"far": {}}, placement={"host": "kvm-01"})], ["volume-elsewhere"], "of another host"),
    ([instance("a", volumes={"far": {}}, **ON_SECOND)], [], "of this host"),
    ([instance("a", volumes={"far": {}})], [], "which says where it runs"),
    ([instance("a", volumes={"near": {}, "far": {}})], ["volume-elsewhere"], "of two hosts"),
    ([instance("a", volumes={"disk": {}, "far": {}})], [], "one of which may lie anywhere"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), DISKS, ids=[reason for *_, reason in DISKS])
def test_a_volume_is_one_disk_where_it_lies(more: list[dict[str, Any]], expected: list[str], reason: str) -> None:
    volumes = [volume("disk"), volume("far", host="kvm-02"), volume("near", host="kvm-01")]
    assert codes(SECOND, *volumes, *more) == expected, reason


def place(**placement: Any) -> dict[str, Any]:
    return instance("a", placement=placement)


PLACES: list[tuple[dict[str, Any], list[str], str]] = [
    ({"zone": "east"}, [], "a zone"),
    ({"zone": "north"}, ["no-such-host"], "a zone without hosts"),
    ({"hostLabels": {"disk": "ssd", "rack": "1"}}, [], "labels of one host"),
    ({"hostLabels": {"disk": "ssd", "rack": "2"}}, ["no-such-host"], "labels of two hosts"),
    ({"zone": "west", "hostLabels": {"disk": "ssd"}}, ["no-such-host"], "a zone and a label of another one"),
    ({"host": "kvm-02", "zone": "east", "hostLabels": {"rack": "1"}}, [], "a host and what it has"),
    ({"host": "kvm-02", "zone": "west", "hostLabels": {"rack": "2"}}, ["placement-contradiction"] * 2, "and has not"),
    ({"host": "kvm-01", "zone": "east"}, ["placement-contradiction"], "a host without a zone"),
]


@pytest.mark.parametrize(("placement", "expected", "reason"), PLACES, ids=[reason for *_, reason in PLACES])
def test_an_instance_is_placed_where_some_host_fits(
    placement: dict[str, Any], expected: list[str], reason: str
) -> None:
    hosts = [host("kvm-02", {"disk": "ssd", "rack": "1"}, zone="east"), host("kvm-03", {"rack": "2"}, zone="west")]
    assert codes(*hosts, place(**placement)) == expected, reason


def test_nothing_is_said_of_places_while_a_host_has_a_mistake() -> None:
    assert codes(host("kvm-02", zone="Zone"), place(zone="zone")) == ["malformed-value"]


CONTENT = {"source": "images/a.qcow2", "sha256": "ab" * 32}


def image(**properties: Any) -> dict[str, Any]:
    return manifest("Image", "other", {**CONTENT, "properties": properties})


UEFI = {"hw_firmware_type": "uefi", "os_secure_boot": "required"}
OLD = host("old", machine="pc")
MUTE = ["no-guest-agent"]
SMALL = ["too-small-for-image"]
FITS: list[tuple[list[dict[str, Any]], list[str], str]] = [
    ([image(min_disk="2Gi", min_ram="512Mi"), instance("a", image="other")], [], "just so"),
    ([image(min_disk="2049Mi"), instance("a", image="other")], SMALL, "a disk"),
    ([image(min_ram="513Mi"), instance("a", image="other")], SMALL, "memory"),
    ([image(min_disk="1Gi", min_ram="1Ti"), volume("b", image="other")], [], "a volume needs no memory"),
    ([image(min_disk="1025Mi"), volume("b", image="other")], SMALL, "a volume"),
    ([image(hw_qemu_guest_agent=True), instance("a", image="other", readiness="agent")], [], "an agent"),
    ([image(hw_qemu_guest_agent=False), instance("a", image="other", readiness="agent")], MUTE, "no agent"),
    ([image(), instance("a", image="other", readiness="cloud-init")], MUTE, "nothing is said of one"),
    ([image(), instance("a", image="other", readiness="agent", powerState="Stopped")], [], "nobody will ask"),
    ([image(), instance("a", image="other", readiness="tcp:22")], [], "nobody asks the agent"),
    ([image(**UEFI)], [], "q35 on every host"),
    ([image(**UEFI), OLD], ["no-secure-boot"], "q35 on every host but one"),
    ([image(**UEFI, hw_machine_type="q35"), OLD], [], "q35 whatever the host"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), FITS, ids=[reason for *_, reason in FITS])
def test_an_image_fits_what_it_is_put_into(more: list[dict[str, Any]], expected: list[str], reason: str) -> None:
    assert codes(*more) == expected, reason


WAITING: list[tuple[dict[str, list[str]], list[str], str]] = [
    ({"a": ["b"], "b": ["c"], "c": []}, [], "a line"),
    ({"a": ["a"]}, ["cycle"], "itself"),
    ({"a": ["b"], "b": ["c"], "c": ["a"]}, ["cycle"], "a circle"),
    ({"a": ["z"]}, ["unknown-reference"], "one that is not there"),
    ({"a": ["far/a"]}, ["not-shared"], "one of another project"),
]


@pytest.mark.parametrize(("waits", "expected", "reason"), WAITING, ids=[reason for *_, reason in WAITING])
def test_instances_wait_for_others_and_never_for_themselves(
    waits: dict[str, list[str]], expected: list[str], reason: str
) -> None:
    far = [instance("a", "far", networks={"wide": {}}), network("wide", "far", **WIDE)]
    assert codes(*far, *(instance(name, dependsOn=others) for name, others in waits.items())) == expected, reason


def test_a_place_to_write_is_named_where_something_is_not_shared() -> None:
    files = [*fleet(without=("Project",)), blob(key("root", "far", "other"), path="far/keys.yaml")]
    (told_,) = load([*files, blob(instance("a", keypairs=["far/root"]), path="a.yaml")], lambda path: None)[1]
    assert str(told_.place).startswith("a.yaml:1:")
    assert "add `default` to its `shareWith` (far/keys.yaml:1:1)" in told_.detail
