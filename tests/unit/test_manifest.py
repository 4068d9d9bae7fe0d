"""Files to resources."""

from __future__ import annotations

from reconciler.address import Address
from reconciler.diagnostic import failed
from reconciler.manifest import Blob, read
from tests.support.manifests import SPECS, blob, manifest

WEB = b"""# a comment
apiVersion: reconciler/v1
kind: Instance
metadata:
  name: web-1
  project: shop
  labels: {tier: front}
spec:
  flavor: small
  image: tiny
  networks:
    lan:
      address: 10.10.0.5
  keypairs: [ops]
"""


def test_a_manifest_becomes_a_resource() -> None:
    (web,), diagnostics = read([Blob("shop/web.yaml", WEB)])
    assert diagnostics == []
    assert web.address == web.origin == Address("Instance", "shop", "web-1")
    assert (web.spec.flavor, web.spec.networks["lan"].address, web.labels) == ("small", "10.10.0.5", {"tier": "front"})
    assert not web.broken


def test_a_resource_knows_where_each_of_its_fields_stands() -> None:
    (_, web), _ = read([blob(manifest("Flavor"), path="a.yaml"), Blob("b.yaml", b"---\n---\n" + WEB)])
    assert str(web.place) == "b.yaml:4:1"
    assert str(web.place_of("spec.networks.lan.address")) == "b.yaml:15:16"
    assert str(web.place_of("spec.keypairs.0")) == "b.yaml:16:14"
    assert str(web.place_of("spec.networks.lan")) == "b.yaml:14:5"
    assert str(web.place_of("spec.userData")) == "b.yaml:10:1"


def test_a_resource_without_a_project_is_in_the_default_one() -> None:
    resources, _ = read([blob(*(manifest(kind) for kind in SPECS))])
    assert {str(resource.address) for resource in resources} == {
        "Fleet/acme",
        "Host/kvm-01",
        "Flavor/small",
        "Image/tiny",
        "Network/default/lan",
        "Project/default",
        "Volume/default/data",
        "Keypair/default/ops",
        "SecurityGroup/default/web",
        "Instance/default/web-1",
    }


def test_a_renamed_instance_keeps_the_identity_of_its_former_name() -> None:
    origins = {"web-0": "Instance/shop/web-0", "other/web-0": "Instance/other/web-0"}
    for origin, meant in origins.items():
        (web,), _ = read([blob(manifest("Instance", "web-1", project="shop", origin=origin))])
        assert (str(web.address), str(web.origin)) == ("Instance/shop/web-1", meant)


def test_many_documents_and_files_are_read_in_the_order_of_their_places() -> None:
    blobs = [blob(manifest("Flavor", "c"), path="z.yaml"), blob(manifest("Flavor", "a"), manifest("Flavor", "b"))]
    resources, diagnostics = read(blobs)
    assert diagnostics == []
    assert [resource.address.name for resource in resources] == ["a", "b", "c"]


def test_a_manifest_with_mistakes_is_a_broken_resource_that_keeps_what_was_understood() -> None:
    document = manifest("Instance", spec={**SPECS["Instance"][1], "colour": "red", "powerState": "Asleep"})
    (web,), diagnostics = read([blob(document)])
    assert web.broken
    assert (web.spec.flavor, web.spec.power_state) == ("small", "Running")
    assert {diagnostic.code for diagnostic in diagnostics} == {"unknown-field", "value-not-allowed"}


def test_a_manifest_without_what_it_needs_is_known_by_its_address_alone() -> None:
    (flavor,), diagnostics = read([blob(manifest("Flavor", spec={"vcpus": 1}))])
    assert (str(flavor.address), flavor.spec, flavor.broken) == ("Flavor/small", None, True)
    assert failed(diagnostics)


def test_mistakes_that_types_cannot_tell_are_told_with_those_that_they_can() -> None:
    spec = {"ingress": [{"ports": 22, "protocl": "tcp"}, {"protocol": "udp", "ports": "9-8"}]}
    _, diagnostics = read([blob(manifest("SecurityGroup", spec=spec))])
    assert {diagnostic.code for diagnostic in diagnostics} == {"unknown-field", "bad-ports", "ports-without-protocol"}


def test_one_mistake_is_told_once() -> None:
    """Neither the absence of a misspelt field nor what follows from a mistaken one is a mistake of its own."""
    for spec in ({"publickey": "x"}, {"publicKey": 5}, {"public_key": "x", "description": "mine"}):
        _, diagnostics = read([blob(manifest("Keypair", spec=spec))])
        assert len(diagnostics) == 1, spec


def test_a_mistake_of_one_document_breaks_no_other() -> None:
    data = WEB + b"---\n" + WEB.replace(b"web-1", b"web-2").replace(b"flavor: small", b"flavor: &x small")
    resources, diagnostics = read([Blob("web.yaml", data)])
    assert [(resource.address.name, resource.broken) for resource in resources] == [("web-1", False), ("web-2", True)]
    assert [diagnostic.code for diagnostic in diagnostics] == ["anchor"]


def test_a_value_that_was_refused_is_not_refused_again_for_its_type() -> None:
    _, diagnostics = read([Blob("web.yaml", WEB.replace(b"flavor: small", b"flavor: *small"))])
    assert [diagnostic.code for diagnostic in diagnostics] == ["alias"]


def test_diagnostics_carry_the_line_that_they_point_into() -> None:
    _, (diagnostic,) = read([Blob("web.yaml", WEB.replace(b"flavor", b"flavour"))])
    assert (diagnostic.excerpt, diagnostic.length) == ("  flavour: small", len("flavour"))
    assert str(diagnostic.place) == "web.yaml:9:3"


def test_an_excerpt_of_a_very_long_line_is_cut() -> None:
    long = b"x" * 5000
    _, (diagnostic,) = read([Blob("web.yaml", WEB.replace(b"flavor: small", b"flavour: " + long))])
    assert len(diagnostic.excerpt) == 200
    _, diagnostics = read([Blob("web.yaml", b"{" + b" " * 5000 + b"a: b}")])
    assert {diagnostic.excerpt[:1] for diagnostic in diagnostics} == {"{"} | {""} - {""}
