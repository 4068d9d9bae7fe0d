"""One consistent set of resources."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address
from reconciler.desired import Desired, load
from reconciler.diagnostic import Diagnostic
from reconciler.firewall.rule import render
from reconciler.kinds.instance import InstanceSpec
from reconciler.kinds.security_group import rules_of
from reconciler.manifest import Blob
from tests.support.manifests import KEY, SPECS, blob, fleet, manifest

DEFAULT = Address("SecurityGroup", "default", "default")


def of(*more: dict[str, Any], without: tuple[str, ...] = (), **files: bytes) -> tuple[Desired, list[Diagnostic]]:
    return load(fleet(*more, without=without), files.get)


def codes(*more: dict[str, Any], without: tuple[str, ...] = ()) -> list[str]:
    return [diagnostic.code for diagnostic in of(*more, without=without)[1]]


def instance(name: str, **spec: Any) -> dict[str, Any]:
    return manifest("Instance", name, {"flavor": "small", "image": "tiny", "networks": {"lan": {}}, **spec})


def test_a_fleet_has_its_name_and_identity() -> None:
    desired, _ = of()
    assert (desired.name, desired.fleet_id) == ("acme", SPECS["Fleet"][1]["id"])


def test_without_a_fleet_there_is_none_and_an_error_that_names_the_remedy() -> None:
    desired, (diagnostic,) = of(without=("Fleet",))
    assert (desired.fleet, desired.name, desired.fleet_id) == (None, "", "")
    assert "reconciler init" in diagnostic.detail


def test_a_project_with_an_instance_has_a_default_group() -> None:
    desired, diagnostics = of()
    assert diagnostics == []
    assert [render(rule) for rule in rules_of(desired.resources[DEFAULT].spec, "default")] == [
        "egress IPv4 any to anyone",
        "egress IPv6 any to anyone",
        "ingress IPv4 any from SecurityGroup/default/default",
        "ingress IPv6 any from SecurityGroup/default/default",
    ]


def test_a_manifest_replaces_the_default_group() -> None:
    desired, diagnostics = of(manifest("SecurityGroup", "default", {"egress": []}))
    assert diagnostics == []
    assert rules_of(desired.resources[DEFAULT].spec, "default") == ()


def test_a_mistaken_manifest_of_the_default_group_is_not_replaced_by_the_implied_one() -> None:
    desired, diagnostics = of(manifest("SecurityGroup", "default", {"egres": []}))
    assert DEFAULT not in desired.resources
    assert [diagnostic.code for diagnostic in diagnostics] == ["unknown-field"]


def test_a_project_without_instances_and_groups_implies_nothing() -> None:
    desired, _ = of(manifest("Network", "far", {"cidr": "10.99.0.0/24"}, project="far"), without=("Project",))
    assert [address for address in desired.resources if address.project == "far"] == [Address("Network", "far", "far")]


def test_a_key_file_is_read_beside_its_manifest() -> None:
    keypair = blob(manifest("Keypair", "me", {"publicKeyFile": "keys/me.pub"}), path="team/keys.yaml")
    desired, diagnostics = load([*fleet(), keypair], {"team/keys/me.pub": f"{KEY}\n".encode()}.get)
    assert diagnostics == []
    assert desired.resources[Address("Keypair", "default", "me")].spec.public_key == KEY


NO_KEYS = [b"", b"\xff", f"{KEY}\n{KEY}\n".encode(), b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"x" * (2 << 20)]


@pytest.mark.parametrize("content", NO_KEYS, ids=["empty", "bytes", "two", "private", "huge"])
def test_a_key_file_that_holds_no_key_is_an_error(content: bytes) -> None:
    _, diagnostics = load(fleet(manifest("Keypair", "me", {"publicKeyFile": "me.pub"})), lambda path: content)
    assert [diagnostic.severity for diagnostic in diagnostics] == ["error"]


OUTSIDE = ["../me.pub", "/etc/passwd", "a/../../me.pub", "a\\b", "", ".", "a//b", "~/x", "a/./b", "a/..", "a\u0000"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_tree_is_ever_asked_for(path: str) -> None:
    asked: list[str] = []

    def read_file(path: str) -> bytes | None:
        asked.append(path)
        return None

    _, diagnostics = load(fleet(manifest("Keypair", "me", {"publicKeyFile": path})), read_file)
    assert diagnostics
    assert asked == []


def test_the_same_name_may_stand_for_another_kind_and_in_another_project() -> None:
    far = [manifest("Project", "far", {}), manifest("Keypair", "ops", project="far")]
    assert codes(manifest("Network", "web", {"cidr": "10.99.0.0/24"}), *far) == []


def test_a_reference_means_the_same_project_unless_it_says_another() -> None:
    assert codes(instance("a", keypairs=["ops"]), instance("b", keypairs=["default/ops"])) == []
    assert codes(instance("a", keypairs=["far/ops"])) == ["unknown-reference"]


def test_what_is_mistaken_is_still_known() -> None:
    broken = manifest("Flavor", "big", {"vcpus": "many"})
    assert codes(broken, instance("a", flavor="big")) == ["missing-field", "missing-field", "wrong-type"]


def test_nothing_is_missing_while_a_file_cannot_be_read() -> None:
    unread = [*fleet(instance("a", flavor="big")), Blob("unread.yaml", b"\xff")]
    assert [diagnostic.code for diagnostic in load(unread, lambda path: None)[1]] == ["not-utf-8"]


def at(name: str, **nics: Any) -> dict[str, Any]:
    return instance(name, networks=nics)


def network(name: str, cidr: str, **spec: Any) -> dict[str, Any]:
    return manifest("Network", name, {"cidr": cidr, **spec})


def renamed(name: str, origin: str) -> dict[str, Any]:
    return manifest("Instance", name, instance(name)["spec"], origin=origin)


NINE = {"network": "lan", "address": "10.10.0.9"}
FIVE = {"address": "10.10.0.5"}
SECOND = manifest("Host", "kvm-02", {})
CLASHES = [
    ([at("a", lan=NINE), at("b", lan=NINE)], ["address-taken"], "in one network"),
    ([at("a", x=NINE, y=NINE)], ["address-taken"], "of one instance"),
    ([SECOND, network("far", "10.10.0.0/24", host="kvm-02"), at("a", far=FIVE)], [], "in networks on two hosts"),
    ([network("two", "10.10.0.0/16")], ["networks-overlap"], "both on the only host"),
    ([SECOND, network("two", "10.10.0.0/16")], [], "nobody knows yet where they will be"),
    ([network("two", "10.11.0.0/16")], [], "side by side"),
    (
        [SECOND, network("two", "10.20.0.0/16", host="kvm-02"), network("three", "10.20.7.0/24", host="kvm-02")],
        ["networks-overlap"],
        "both on a declared host",
    ),
    ([renamed("b", "web-1")], ["origin-taken"], "its former holder is declared"),
    ([renamed("a", "gone"), renamed("b", "gone")], ["origin-taken"], "two heirs"),
    ([renamed("b", "gone")], [], "one heir"),
    ([renamed("a", "b"), renamed("b", "a")], [], "names may be swapped"),
]


@pytest.mark.parametrize(("more", "expected", "reason"), CLASHES, ids=[reason for _, _, reason in CLASHES])
def test_resources_that_cannot_be_true_together_are_an_error(
    more: list[dict[str, Any]], expected: list[str], reason: str
) -> None:
    assert codes(*more) == expected, reason


def with_defaults(fleet_: dict[str, Any], project: dict[str, Any], **spec: Any) -> InstanceSpec:
    """An instance of project shop, as it is with the defaults of its project and fleet."""
    more = [
        manifest("Fleet", spec={**SPECS["Fleet"][1], "defaults": fleet_}),
        manifest("Project", "shop", {"defaults": project}),
        manifest("Network", "lan", {"cidr": "10.20.0.0/24"}, project="shop"),
        manifest("Keypair", "ops", {"publicKey": KEY}, project="shop"),
        manifest("Keypair", "root", {"publicKey": KEY, "shareWith": ["shop"]}),
        manifest("SecurityGroup", "watched", {"shareWith": ["*"]}),
        manifest(
            "Instance", "a", {"flavor": "small", "image": "tiny", "networks": {"lan": {}}, **spec}, project="shop"
        ),
    ]
    found, diagnostics = of(*more, without=("Fleet",))
    assert diagnostics == []
    spec_ = found.resources[Address("Instance", "shop", "a")].spec
    assert isinstance(spec_, InstanceSpec)
    return spec_


def test_what_an_instance_does_not_say_its_project_says_and_then_its_fleet() -> None:
    fleet_ = {"readiness": "tcp:22", "autostart": True, "readinessDeadline": "9m"}
    project = {"readiness": "address", "autostart": False, "updatePolicy": {"allow": ["restart"]}}
    spec = with_defaults(fleet_, project, readiness="none")
    assert (spec.readiness, spec.autostart, spec.readiness_deadline) == ("none", False, "9m")
    assert spec.update_policy
    assert spec.update_policy.allow == ("restart",)


def test_a_plain_name_in_defaults_is_of_the_project_that_says_it() -> None:
    assert with_defaults({}, {"keypairs": ["ops", "default/root"]}).keypairs == ("ops", "default/root")
    spec = with_defaults({"keypairs": ["root"], "securityGroups": ["watched"]}, {})
    assert (spec.keypairs, spec.security_groups) == (("default/root",), ("default/watched",))


def test_an_empty_list_is_something_that_is_said() -> None:
    project = {"keypairs": ["ops"], "securityGroups": ["default"]}
    assert with_defaults({}, project, keypairs=[], securityGroups=[]).keypairs == ()
    assert with_defaults({"keypairs": ["root"]}, {"keypairs": []}).keypairs == ()


def test_a_fleets_defaults_are_shared_with_those_who_take_them_alone() -> None:
    whole = manifest("Fleet", spec={**SPECS["Fleet"][1], "defaults": {"keypairs": ["ops"]}})
    shop = [manifest("Network", "lan", {"cidr": "10.20.0.0/24"}, project="shop"), manifest("Project", "shop", {})]
    taking = manifest("Instance", "a", instance("a")["spec"], project="shop")
    naming = manifest("Instance", "a", {**instance("a")["spec"], "keypairs": []}, project="shop")
    told = {kind: of(whole, *shop, each, without=("Fleet",))[1] for kind, each in {"t": taking, "n": naming}.items()}
    assert [diagnostic.code for diagnostic in told["t"]] == ["not-shared"]
    assert told["n"] == []


def seeded(file: str, content: bytes | None, path: str = "team/web.yaml") -> tuple[Desired, list[Diagnostic]]:
    """The usual fleet with an instance whose user data is a file."""
    web = blob(instance("a", userDataFrom={"file": file}), path=path)
    asked = {"team/" + file: content} if content is not None else {}
    return load([*fleet(), web], asked.get)


def test_user_data_of_a_file_is_what_stands_in_it() -> None:
    text = "#cloud-config\npackages: [nginx]\n"
    desired, diagnostics = seeded("seeds/web", text.encode())
    assert diagnostics == []
    assert desired.resources[Address("Instance", "default", "a")].spec.user_data == text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "no-such-file"),
        (b"\xff", "not-utf-8"),
        (b"a\x1bb", "forbidden-character"),
        (b"#" * 65_536, "user-data-too-long"),
        (b"password: hunter2", "secret-in-user-data"),
    ],
)
def test_user_data_of_a_file_is_checked_as_if_it_stood_in_the_manifest(content: bytes | None, code: str) -> None:
    (diagnostic,) = seeded("seeds/web", content)[1]
    assert diagnostic.code == code
    assert "hunter2" not in diagnostic.detail + diagnostic.excerpt


@pytest.mark.parametrize("path", OUTSIDE)
def test_user_data_comes_from_nowhere_outside_the_tree(path: str) -> None:
    asked: list[str] = []

    def read_file(path: str) -> bytes | None:
        asked.append(path)
        return None

    _, diagnostics = load(fleet(instance("a", userDataFrom={"file": path})), read_file)
    assert diagnostics
    assert asked == []
