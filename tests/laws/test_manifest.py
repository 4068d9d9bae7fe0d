"""Laws of reading: total, in agreement with the schemas, and blind to order."""

from __future__ import annotations

import copy
import ipaddress
import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler import quantity
from reconciler.desired import load
from reconciler.diagnostic import failed
from reconciler.firewall import rule
from reconciler.kinds import REGISTRY, flavor, image, instance, network, security_group, volume
from reconciler.manifest import Blob, read
from reconciler.mistake import mistakes
from reconciler.schema import any_kind, document_type, schema
from tests.support.manifests import FULL, KEY, SPECS, blob, fleet, manifest

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "tcp",
            "any",
            "10.0.0.0/8",
            "512Mi",
            "web",
            "a/b",
            "Web",
            "",
            "x" * 64,
            "x" * 1025,
            "lan\n",
            "bridge",
            "tcp:99999",
            "fd00:10::/64",
            "fd00:10::5",
            "cloud-init",
            "required",
            "*",
            0,
            1,
            1.0,
            255,
            65536,
        ]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["name", "cidr", "group", "lan", "Lan"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


ADDED = [
    *("host", "primary", "cpu", "labels", "project", "origin", "shareWith", "cidr6", "mode", "vlan", "address6"),
    *("readiness", "userData", "userDataFrom", "volume", "zone", "hostLabels", "hw:cpu_cores", "os_secure_boot"),
]
"""Fields of one kind or another."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in plain data."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in inner for found in paths(child, (*path, key)))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path of plain data."""
    for part in path:
        value = value[part]
    return value


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A manifest with a few fields changed, dropped, added or renamed."""
    kind = draw(st.sampled_from(sorted(SPECS)))
    document = copy.deepcopy(manifest(kind, spec=draw(st.sampled_from([SPECS[kind][1], *FULL[kind]]))))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(paths(document)))
        if not path:
            continue
        parent = document
        for part in path[:-1]:
            parent = parent[part]
        change = draw(st.sampled_from(["set", "drop", "add"]))
        if change == "set":
            parent[path[-1]] = draw(values)
        elif change == "drop":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=5) | st.sampled_from(ADDED))] = draw(values)
        else:
            parent.append(draw(values))
    return document


@given(documents())
def test_the_types_and_the_schemas_accept_the_same_manifests(document: Any) -> None:
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in SPECS:
        return
    try:
        msgspec.convert(document, document_type(kind))
        accepted = not any(at(document, path) is None for path in paths(document))
    except msgspec.ValidationError:
        accepted = False
    assert accepted == (not list(mistakes(document, schema(kind))))
    assert accepted == (not list(mistakes(document, any_kind())))


@given(documents())
def test_a_document_is_a_resource_or_has_an_error(document: Any) -> None:
    resources, diagnostics = read([blob(document)])
    whole = [resource for resource in resources if not resource.broken]
    assert bool(whole) != failed(diagnostics)
    assert all(diagnostic.place and diagnostic.place.line for diagnostic in diagnostics)


@given(documents())
def test_a_manifest_that_is_read_can_be_looked_at_by_its_kind(document: Any) -> None:
    """What follows a reading trusts it: references, realising and cross-checks never fail on what was accepted."""
    desired, _ = load([*fleet(without=(str(document.get("kind")),)), blob(document)], lambda path: None)
    for resource in desired.resources.values():
        list(REGISTRY[resource.address.kind].references(resource))
        match resource.spec:
            case network.NetworkSpec() as spec:
                given = list(network.addresses_of(spec))
                assert all(ipaddress.ip_address(address) for address in given)
                beside = {network.address6_of(spec, address) for address in given}
                assert len(beside) == (len(set(given)) if spec.cidr6 else bool(given))
                assert bool(network.gateway6_of(spec)) == bool(spec.cidr6 and network.gateway_of(spec))
            case security_group.SecurityGroupSpec() as spec:
                rules = security_group.rules_of(spec, resource.address.project)
                assert [rule.parse(rule.render(found)) for found in rules] == list(rules)
            case image.ImageSpec() as spec:
                assert image.content_id(spec)
            case instance.InstanceSpec() as spec:
                assert instance.primary_nic(spec) in spec.networks
                assert instance.readiness_of(spec).deadline > 0
                assert all(instance.volume_of(resource, disk).kind == "Volume" for disk in spec.volumes)
            case flavor.FlavorSpec() as spec:
                assert quantity.parse(spec.memory) <= quantity.parse(spec.max_memory or spec.memory)
                assert set(flavor.extra_fields(spec)) <= {f"extra.{name}" for name in FULL["Flavor"][0]["extraSpecs"]}
            case volume.VolumeSpec() as spec:
                assert quantity.parse(spec.size)


nasty = st.sampled_from(
    [
        b"\t",
        b"\0",
        b"\xff",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!str ",
        b"- ",
        b"? ",
        b": ",
        b"{",
        b"[",
        b"'",
        b'"',
        b"|\n",
        b">-",
        b"%YAML 1.1\n",
        b"---\n",
        b"...\n",
        b"#",
        b"\r",
        b"\r\n",
        b"\xc2\x85",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b'"\\ud800"',
        b"0x",
        b"1e999",
        b"~",
        b"\n  ",
    ]
)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A file of manifests with pieces cut out and nasty ones put in."""
    data = b"\n---\n".join(
        json.dumps(manifest(kind), indent=1).encode()
        for kind in draw(st.lists(st.sampled_from(sorted(SPECS)), max_size=2))
    )
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 9)))
        data = data[:start] + draw(nasty | st.binary(max_size=4)) + data[end:]
    return data


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | damaged_files()
)
@example(b"\xef\xbb\xbf")
@example(b"- \n---\n? \n")
@example(b"kind: [Instance]\n")
def test_any_bytes_give_resources_or_diagnostics(data: bytes) -> None:
    desired, diagnostics = load([Blob("any.yaml", data), Blob("key", data)], lambda path: data)
    assert failed(diagnostics) or desired.fleet
    for diagnostic in diagnostics:
        assert diagnostic.summary
        assert diagnostic.detail
        assert diagnostic.length >= 1
        diagnostic.place and str(diagnostic.place).encode()


@given(st.lists(documents(), max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_files_makes_no_difference(extra: list[Any], order: random.Random) -> None:
    blobs = [*fleet(), *(blob(document, path=f"extra-{index}.yaml") for index, document in enumerate(extra))]
    shuffled = list(blobs)
    order.shuffle(shuffled)
    (one, said), (other, also) = (load(some, lambda path: None) for some in (blobs, shuffled))
    assert said == also
    assert {address: resource.spec for address, resource in one.resources.items()} == {
        address: resource.spec for address, resource in other.resources.items()
    }


def fields(kind: type[msgspec.Struct]) -> set[str]:
    """Every field of a spec and of what is in it, as it is written."""
    found = set()
    for node in msgspec.json.schema_components([kind])[1].values():
        found |= set(node.get("properties", {}))
    return found


def written(value: Any) -> set[str]:
    """Every key in plain data."""
    return {part for path in paths(value) for part in path if isinstance(part, str)}


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_what_is_damaged_here_has_every_field(kind: str) -> None:
    assert fields(REGISTRY[kind].spec) <= written([SPECS[kind][1], *FULL[kind]])


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_what_is_damaged_here_has_no_mistake_by_itself(kind: str) -> None:
    for spec in FULL[kind]:
        assert read([blob(manifest(kind, spec=spec))])[1] == []


def test_every_field_together_is_a_consistent_fleet() -> None:
    """The instance is on the host and in the network that have it all; the flavor is what the image needs."""
    full = {kind: manifest(kind, spec=specs[0]) for kind, specs in FULL.items()}
    full["Host"]["metadata"]["labels"] = {"disk": "ssd"}
    more = [
        manifest("Instance", "web-0"),
        manifest("Project", "far", {}),
        manifest("Keypair", "me", FULL["Keypair"][1]),
        manifest("Network", "office", {**FULL["Network"][1], "cidr": "10.20.0.0/24"}),
    ]
    more[0]["spec"] = {**FULL["Instance"][1], "networks": {"lan": {}}}
    files = {"ops.pub": KEY.encode(), "seeds/web": b"#cloud-config\n"}
    desired, diagnostics = load([blob(*full.values(), *more)], files.get)
    assert diagnostics == []
    assert {address.kind for address in desired.resources} == set(REGISTRY)


def test_one_of_each_kind_is_a_consistent_fleet() -> None:
    desired, diagnostics = load(fleet(), lambda path: None)
    assert diagnostics == []
    assert {address.kind for address in desired.resources} == set(REGISTRY)
