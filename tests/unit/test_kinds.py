"""What a spec's types cannot tell: each kind's check, by the codes of its problems."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.kinds import REGISTRY
from reconciler.kinds.base import Problem
from reconciler.kinds.network import NetworkSpec, addresses_of, gateway_of, range_of
from tests.support.manifests import KEY, SPECS


def problems(kind: str, **changes: Any) -> list[Problem]:
    spec = msgspec.convert({**SPECS[kind][1], **changes}, REGISTRY[kind].spec)
    return list(REGISTRY[kind].check(spec))


def codes(kind: str, **changes: Any) -> list[str]:
    return [problem.code for problem in problems(kind, **changes)]


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_a_usual_spec_has_no_problem(kind: str) -> None:
    assert codes(kind) == []


NETWORKS: list[tuple[dict[str, Any], list[str], str]] = [
    ({"cidr": "10.0.0.0/8", "addresses": None}, [], "the largest"),
    ({"cidr": "192.168.1.4/30", "addresses": None}, [], "the smallest: a gateway and one guest"),
    ({"cidr": "10.10.0.0/31", "addresses": None}, ["unusable-cidr"], "no room for a guest"),
    ({"cidr": "0.0.0.0/8", "addresses": None}, ["unusable-cidr"], "this network"),
    ({"cidr": "127.0.0.0/16", "addresses": None}, ["unusable-cidr"], "loopback"),
    ({"cidr": "169.254.0.0/16", "addresses": None}, ["unusable-cidr"], "link-local, and metadata"),
    ({"cidr": "224.0.0.0/8", "addresses": None}, ["unusable-cidr"], "multicast"),
    ({"cidr": "100.64.0.0/10", "addresses": None}, [], "shared address space may be used"),
    ({"cidr": "fd00::/64", "addresses": None}, ["unusable-cidr"], "IPv6"),
    ({"cidr": "10.10.0.1/24"}, ["bad-cidr"], "host bits"),
    ({"cidr": "10.10.0.0/255.255.255.0"}, ["bad-cidr"], "a netmask"),
    ({"cidr": "10.10.0.0/024"}, ["bad-cidr"], "a prefix with a zero"),
    ({"cidr": "10.10.0.0/24 "}, ["bad-cidr"], "a space"),
    ({"cidr": "10.010.0.0/24"}, ["bad-cidr"], "octal, perhaps"),
    ({"cidr": "\u0661\u0660.10.0.0/24"}, ["bad-cidr"], "Arabic digits"),
    ({"gateway": "10.10.0.254"}, [], "any address of it"),
    ({"gateway": "10.10.0.0"}, ["address-reserved"], "its own address"),
    ({"gateway": "10.10.0.255"}, ["address-reserved"], "its broadcast address"),
    ({"gateway": "10.10.1.1"}, ["address-outside-network"], "another network's"),
    ({"gateway": "gateway"}, ["bad-address"], "no address"),
    ({"addresses": "10.10.0.9 - 10.10.0.9"}, [], "one address, with spaces"),
    ({"addresses": "10.10.0.9"}, ["bad-range"], "no range"),
    ({"addresses": "10.10.0.9-10.10.0.8"}, ["bad-range"], "backwards"),
    ({"addresses": "10.10.0.0-10.10.0.255"}, ["address-reserved", "address-reserved"], "both ends are reserved"),
    ({"addresses": "10.9.0.1-10.10.0.9"}, ["address-outside-network"], "begins before the network"),
    ({"cidr": "10.0.0.0/8", "addresses": "10.0.0.2-10.0.16.1"}, [], "4,096 addresses"),
    ({"cidr": "10.0.0.0/8", "addresses": "10.0.0.2-10.0.16.2"}, ["range-too-large"], "one more"),
    ({"cidr6": "fd00:10::/64"}, [], "an IPv6 network"),
    ({"cidr6": "FD00:10:0::/64"}, [], "the same one, in another form"),
    ({"cidr6": "2001:db8::/112"}, [], "the smallest"),
    ({"cidr6": "2001:db8::/113"}, ["unusable-cidr"], "smaller"),
    ({"cidr6": "fd00::/8"}, ["unusable-cidr"], "too large"),
    ({"cidr": "10.0.0.0/8", "addresses": None, "cidr6": "fd00::/104"}, [], "as many addresses as the IPv4 network"),
    ({"cidr": "10.0.0.0/8", "addresses": None, "cidr6": "fd00::/105"}, ["unusable-cidr"], "no room for its guests"),
    ({"cidr6": "10.20.0.0/24"}, ["unusable-cidr"], "IPv4"),
    ({"cidr6": "fd00:10::1/64"}, ["bad-cidr"], "IPv6 host bits"),
    ({"cidr6": "fd00:10::%lo/64"}, ["bad-cidr"], "a zone"),
    ({"cidr6": "fd00:10::"}, ["unusable-cidr"], "an address"),
    ({"cidr6": "fd00"}, ["bad-cidr"], "nothing of the sort"),
    ({"cidr6": "fe80::/64"}, ["unusable-cidr"], "IPv6 link-local"),
    ({"cidr6": "ff02::/64"}, ["unusable-cidr"], "IPv6 multicast"),
    ({"cidr6": "::/64"}, ["unusable-cidr"], "loopback, and the unspecified address"),
    ({"cidr6": "::ffff:0:0/96"}, ["unusable-cidr"], "IPv4 in disguise"),
    ({"dns": {"servers": ["9.9.9.9", "2620:fe::fe"]}}, [], "resolvers of both families"),
    ({"dns": {"servers": ["9.9.9.9", "dns.example"]}}, ["bad-address"], "a resolver by name"),
    ({"mode": "bridge", "physicalNetwork": "office"}, [], "a wire"),
    ({"mode": "bridge", "physicalNetwork": "office", "vlan": 100, "gateway": "10.10.0.1"}, [], "a VLAN and a router"),
    ({"mode": "bridge"}, ["no-physical-network"], "which wire?"),
    ({"mode": "bridge", "physicalNetwork": "office", "host": "kvm-01"}, ["not-with-bridge"], "a wire has no host"),
    ({"mode": "bridge", "physicalNetwork": "office", "dhcp": False}, ["not-with-bridge"], "nobody would answer anyway"),
    ({"physicalNetwork": "office"}, ["only-with-bridge"], "a wire of a local network"),
    (
        {"mode": "isolated", "vlan": 7, "physicalNetwork": "x"},
        ["only-with-bridge", "only-with-bridge"],
        "a VLAN of one",
    ),
    ({"mode": "routed", "dhcp": False}, [], "addresses from the seed"),
]


@pytest.mark.parametrize(("changes", "expected", "reason"), NETWORKS, ids=[reason for *_, reason in NETWORKS])
def test_a_network_has_room_and_order(changes: dict[str, Any], expected: list[str], reason: str) -> None:
    assert codes("Network", **changes) == expected, reason


def test_a_network_gives_addresses_behind_its_gateway_up_to_a_bound() -> None:
    small, large = NetworkSpec(cidr="10.0.0.0/29"), NetworkSpec(cidr="10.0.0.0/8")
    assert (gateway_of(small), list(addresses_of(small))) == ("10.0.0.1", [f"10.0.0.{n}" for n in range(2, 7)])
    assert [str(end) for end in range_of(large)] == ["10.0.0.2", "10.0.4.1"]


def test_a_gateway_is_no_address_for_an_instance() -> None:
    spec = NetworkSpec(cidr="10.0.0.0/24", gateway="10.0.0.6", addresses="10.0.0.5-10.0.0.7")
    assert list(addresses_of(spec)) == ["10.0.0.5", "10.0.0.7"]


RULES: list[tuple[dict[str, Any], list[str], str]] = [
    ({}, [], "everything, from anyone"),
    ({"protocol": "tcp", "ports": 65535}, [], "the last port"),
    ({"protocol": "tcp", "ports": "1-65535"}, [], "all ports"),
    ({"protocol": 6, "ports": 22}, [], "tcp by its number"),
    ({"protocol": 132, "ports": 22}, [], "sctp by its number"),
    ({"protocol": "tcp", "ports": "22-22"}, [], "a range of one"),
    ({"protocol": "tcp", "ports": "23-22"}, ["bad-ports"], "backwards"),
    ({"protocol": "tcp", "ports": "1-65536"}, ["bad-ports"], "too many"),
    ({"protocol": "tcp", "ports": "99999"}, ["bad-ports"], "no port"),
    ({"ports": 22}, ["ports-without-protocol"], "of which protocol?"),
    ({"protocol": "any", "ports": 22}, ["ports-without-protocol"], "of which protocol?"),
    ({"protocol": 47, "ports": 22}, ["ports-without-protocol"], "GRE has no ports"),
    ({"protocol": "icmp", "icmpType": 0, "icmpCode": 0}, [], "zero is a type, and a code"),
    ({"protocol": 1, "icmpType": 8}, [], "icmp by its number"),
    ({"protocol": 58, "icmpType": 128, "ethertype": "IPv6"}, [], "ICMPv6 by its number"),
    ({"protocol": "icmp", "icmpCode": 0}, ["icmp-code-without-type"], "a code of which type?"),
    ({"protocol": "udp", "icmpType": 8}, ["icmp-without-protocol"], "udp has no types"),
    ({"icmpType": 8}, ["icmp-without-protocol"], "of which protocol?"),
    ({"protocol": 58}, ["families-differ"], "ICMPv6 under IPv4"),
    ({"protocol": 58, "remote": {"cidr": "fd00::/8"}}, [], "the remote tells the family"),
    ({"protocol": 44, "ethertype": "IPv4"}, ["families-differ"], "an IPv6 header under IPv4"),
    ({"remote": {"cidr": "0.0.0.0/0"}}, [], "anyone"),
    ({"remote": {"cidr": "::/0"}, "ethertype": "IPv6"}, [], "anyone"),
    ({"remote": {"cidr": "10.0.0.1"}}, [], "one address"),
    ({"remote": {"cidr": "10.0.0.1/8"}}, ["bad-cidr"], "the network, or the address?"),
    ({"remote": {"cidr": "fe80::1%eth0"}}, ["bad-cidr"], "a zone"),
    ({"remote": {"cidr": "example.org"}}, ["bad-cidr"], "a name"),
    ({"remote": {"cidr": ""}}, ["bad-cidr"], "nothing"),
    ({"remote": {"cidr": "::/0"}, "ethertype": "IPv4"}, ["families-differ"], "the remote is of another family"),
    ({"remote": {}}, ["one-of"], "neither"),
    ({"remote": {"cidr": "10.0.0.0/8", "group": "web"}}, ["one-of"], "both"),
]


@pytest.mark.parametrize(("rule", "expected", "reason"), RULES, ids=[f"{rule}" for rule, *_ in RULES])
def test_a_rule_means_one_thing(rule: dict[str, Any], expected: list[str], reason: str) -> None:
    for side in ("ingress", "egress"):
        found = problems("SecurityGroup", **{"ingress": [], side: [{}, rule]})
        assert [problem.code for problem in found] == expected, reason
        assert all(problem.path.startswith(f"spec.{side}.1") for problem in found)


SOURCES = [
    ("images/tiny.qcow2", True),
    ("tiny.qcow2", True),
    ("https://example.org/images/tiny.qcow2", True),
    ("https://[fd00::1]:8443/x", True),
    ("a/%2e%2e/b", True),
    ("../tiny.qcow2", False),
    ("images/../../tiny", False),
    ("/tiny.qcow2", False),
    ("~/tiny.qcow2", False),
    ("./tiny.qcow2", False),
    ("a//b", False),
    ("a\\b", False),
    ("a\tb", False),
    ("http://example.org/x", False),
    ("file:///etc/shadow", False),
    ("ext::sh://x", False),
    ("https://", False),
    ("https://user@example.org/x", False),
    ("https://:secret@example.org/x", False),
    ("https://example.org/a b", False),
    ("https://[::1/x", False),
]


@pytest.mark.parametrize(("source", "fine"), SOURCES)
def test_an_image_comes_from_below_or_over_https(source: str, fine: bool) -> None:
    content = {"source": source, "sha256": "ab" * 32}
    assert codes("Image", source=source) == ([] if fine else ["bad-source"])
    boot = problems("Image", boot={"kernel": content, "initrd": content})
    assert [problem.path for problem in boot] == (
        [] if fine else ["spec.boot.kernel.source", "spec.boot.initrd.source"]
    )


def test_a_flavor_has_a_size_that_a_guest_can_have() -> None:
    assert codes("Flavor", memory="16Mi", disk="1Mi") == []
    assert codes("Flavor", memory="8Mi", disk="1Ki") == ["out-of-bounds", "out-of-bounds"]
    assert codes("Flavor", memory="17Ti", disk="999999999Ti") == ["out-of-bounds", "out-of-bounds"]
    assert codes("Flavor", memory="524288Ki", disk="1025Ki") == []
    assert codes("Flavor", memory="524289Ki") == ["not-whole"]


FLAVORS: list[tuple[dict[str, Any], list[str], str]] = [
    ({"maxVcpus": 4, "maxMemory": "4Gi"}, [], "room to grow"),
    ({"maxVcpus": 1, "maxMemory": "512Mi"}, [], "no room to grow"),
    ({"vcpus": 4, "maxVcpus": 2}, ["max-below-start"], "fewer vCPUs than at the start"),
    ({"maxMemory": "256Mi"}, ["max-below-start"], "less memory than at the start"),
    ({"maxMemory": "524289Ki"}, ["not-whole"], "not in whole MiB"),
    ({"maxMemory": "17Ti"}, ["out-of-bounds"], "more than any guest has"),
    ({"vcpus": 8, "extraSpecs": {"hw:cpu_sockets": 2, "hw:cpu_cores": 2, "hw:cpu_threads": 2}}, [], "2 x 2 x 2"),
    ({"vcpus": 4, "extraSpecs": {"hw:cpu_cores": 4}}, [], "what is absent counts as 1"),
    ({"vcpus": 4, "extraSpecs": {"hw:cpu_cores": 2}}, ["bad-topology"], "two vCPUs without a place"),
    ({"vcpus": 2, "maxVcpus": 4, "extraSpecs": {"hw:cpu_cores": 4}}, [], "the topology of all that there may be"),
    ({"vcpus": 2, "maxVcpus": 4, "extraSpecs": {"hw:cpu_cores": 2}}, ["bad-topology"], "that of the start alone"),
    ({"extraSpecs": {"quota:cpu_quota": 50_000, "quota:cpu_period": 100_000}}, [], "half a CPU"),
    ({"extraSpecs": {"quota:cpu_quota": 50_000}}, ["half-a-pair"], "a quota of what?"),
    ({"extraSpecs": {"quota:cpu_period": 100_000}}, ["half-a-pair"], "how much of it?"),
]


@pytest.mark.parametrize(("changes", "expected", "reason"), FLAVORS, ids=[reason for *_, reason in FLAVORS])
def test_a_flavor_makes_sense_as_a_whole(changes: dict[str, Any], expected: list[str], reason: str) -> None:
    assert codes("Flavor", **changes) == expected, reason


SECURE = {"os_secure_boot": "required"}
PROPERTIES: list[tuple[dict[str, Any], int, str]] = [
    ({**SECURE, "hw_firmware_type": "uefi"}, 0, "q35 is what hosts give, unless they say otherwise"),
    ({**SECURE, "hw_firmware_type": "uefi", "hw_machine_type": "q35"}, 0, "all that it takes"),
    (SECURE, 1, "BIOS is what boots an image that says nothing"),
    ({**SECURE, "hw_firmware_type": "bios", "hw_machine_type": "pc"}, 2, "neither"),
    ({**SECURE, "hw_firmware_type": "uefi", "hw_machine_type": "pc"}, 1, "an old machine"),
    ({"os_secure_boot": "disabled"}, 0, "not asked for"),
]


@pytest.mark.parametrize(("properties", "expected", "reason"), PROPERTIES, ids=[reason for *_, reason in PROPERTIES])
def test_secure_boot_needs_uefi_on_q35(properties: dict[str, Any], expected: int, reason: str) -> None:
    assert codes("Image", properties=properties) == ["no-secure-boot"] * expected, reason


INSTANCES: list[tuple[dict[str, Any], list[str], str]] = [
    ({"readiness": "tcp:65535"}, [], "the last port"),
    ({"readiness": "tcp:65536"}, ["bad-port"], "no port"),
    ({"userData": None, "userDataFrom": {"file": "seeds/web.yaml"}}, [], "a file"),
    ({"userData": None, "userDataFrom": {"secretRef": "web-seed"}}, [], "a secret"),
    ({"userDataFrom": {"secretRef": "web-seed"}}, ["one-of"], "text and a secret"),
    ({"userData": "", "userDataFrom": {"secretRef": "web-seed"}}, ["one-of"], "an empty text is one, too"),
    ({"userData": None, "userDataFrom": {}}, ["one-of"], "from nowhere"),
    ({"userData": None, "userDataFrom": {"file": "a", "secretRef": "b"}}, ["one-of"], "from two places"),
    ({"userData": None, "userDataFrom": {"file": "../a"}}, ["bad-path"], "from elsewhere"),
    ({"networks": {"lan": {"address6": "fd00:10::5"}}}, [], "an IPv6 address"),
    ({"networks": {"lan": {"address6": "10.10.0.5"}}}, ["bad-address"], "an IPv4 one"),
    ({"networks": {"lan": {"address6": "fe80::5%eth0"}}}, ["bad-address"], "a zone"),
    ({"networks": {"lan": {"address": "fd00:10::5"}}}, ["bad-address"], "the other way round"),
]


@pytest.mark.parametrize(("changes", "expected", "reason"), INSTANCES, ids=[reason for *_, reason in INSTANCES])
def test_an_instance_makes_sense_by_itself(changes: dict[str, Any], expected: list[str], reason: str) -> None:
    assert codes("Instance", **changes) == expected, reason


@pytest.mark.parametrize("kind", ["Fleet", "Project"])
def test_the_defaults_of_instances_are_checked_where_they_stand(kind: str) -> None:
    assert codes(kind, defaults={"readiness": "tcp:22"}) == []
    (problem,) = problems(kind, defaults={"readiness": "tcp:99999"})
    assert (problem.path, problem.code) == ("spec.defaults.readiness", "bad-port")


def test_a_keypair_has_one_key_in_one_place() -> None:
    assert codes("Keypair", publicKey=None, publicKeyFile="keys/me.pub") == []
    assert codes("Keypair", publicKeyFile="me.pub") == codes("Keypair", publicKey=None) == ["one-of"]
    assert codes("Keypair", publicKey=KEY[:40]) == ["bad-public-key"]


def test_a_private_key_is_never_shown() -> None:
    (problem,) = problems("Keypair", publicKey="-----BEGIN OPENSSH PRIVATE KEY-----abc")
    assert (problem.code, problem.secret) == ("private-key", True)
    assert "abc" not in problem.detail


def test_one_interface_is_primary() -> None:
    nics = {name: {"primary": True} for name in ("a", "b", "c")}
    assert [problem.path for problem in problems("Instance", networks=nics)] == [
        "spec.networks.b.primary",
        "spec.networks.c.primary",
    ]


USER_DATA = [
    ("#cloud-config\npackages: [nginx]\n", False),
    ("#cloud-config\nssh_pwauth: false\nusers:\n  - name: me\n    lock_passwd: true\n", False),
    ("#!/bin/sh\nTOKEN=$(curl -s http://vault/token)\n", False),
    ("password: <set by hand>\n", False),
    ("#cloud-config\npassword: hunter2\n", True),
    ("#cloud-config\nusers:\n  - name: me\n    hashed_passwd: $6$abc\n    plain_text_passwd: x\n", True),
    ('export DB_PASSWORD="hunter2"\n', True),
    ("api_key = abc\n", True),
    ("AWS=AKIAABCDEFGHIJKLMNOP\n", True),
    ("git clone https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@example.org\n", True),
    ("-----BEGIN RSA PRIVATE KEY-----\n", True),
]


@pytest.mark.parametrize(("text", "warned"), USER_DATA)
def test_user_data_that_seems_to_hold_a_secret_is_warned_of_and_not_shown(text: str, warned: bool) -> None:
    found = problems("Instance", userData=text)
    expected = [("secret-in-user-data", "warning", True)] if warned else []
    assert [(problem.code, problem.severity, problem.secret) for problem in found] == expected
