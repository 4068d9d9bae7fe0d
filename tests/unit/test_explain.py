"""What `explain` says: of kinds and fields what the schemas say, of codes what is registered, and both completely."""

from __future__ import annotations

import pytest

from reconciler.desired import load
from reconciler.kinds import REGISTRY
from reconciler.manifest import Blob
from reconciler.report import example
from reconciler.report.codes import meanings
from reconciler.report.explanation import field_lines
from reconciler.report.field_doc import KINDS, UnknownField, document, field_paths
from reconciler.report.line import plain
from tests.support.codes import used_codes

USED = used_codes()


def test_every_code_can_be_told_from_the_source() -> None:
    assert USED.hidden == []
    assert len(USED.codes) > 80


def test_every_code_in_use_is_explained() -> None:
    unexplained = {code: place for code, place in USED.codes.items() if code not in meanings()}
    assert unexplained == {}, "add them to reconciler/report/codes.toml"


def test_no_code_is_explained_that_nothing_uses() -> None:
    assert sorted(meanings().keys() - USED.codes.keys()) == []


def test_an_explanation_is_made_of_sentences() -> None:
    for code, meaning in meanings().items():
        for text in (meaning.means, meaning.why, meaning.do):
            assert not text[0].islower() or text.startswith("ssh-keygen"), (code, text)
            assert text.endswith("."), (code, text)


def test_every_kind_is_listed() -> None:
    assert KINDS.keys() == REGISTRY.keys()


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_field_of_a_kind_is_explained(kind: str) -> None:
    for path in field_paths(kind):
        doc = document(path)
        assert doc.type, path
        assert doc.description or path == kind, path
        assert plain(field_lines(doc, "")).startswith(doc.path), path


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("Instance.networks.lan.address", ("Instance.spec.networks.address", "text", "")),
        ("Instance.spec.networks.address", ("Instance.spec.networks.address", "text", "")),
        ("SecurityGroup.ingress.0.protocol", ("SecurityGroup.spec.ingress.protocol", None, "any")),
        ("Network.mode", ("Network.spec.mode", "bridge, isolated, nat or routed", "nat")),
        ("Flavor.extraSpecs.hw:cpu_cores", ("Flavor.spec.extraSpecs.hw:cpu_cores", "whole number", "")),
        ("Fleet.deletionBudget.percent", ("Fleet.spec.deletionBudget.percent", "whole number", "20")),
    ],
)
def test_a_field_is_found_with_or_without_spec_and_names(path: str, told: tuple[str, str | None, str]) -> None:
    doc = document(path)
    assert (doc.path, doc.default) == (told[0], told[2])
    assert told[1] in (None, doc.type)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("Instance.netwroks", "Did you mean `networks`?"),
        ("Instance.networks.lan.adress", "Did you mean `address`?"),
        ("Instance.spec.foo", "It has `flavor`"),
        ("Instance.flavor.size", "has no fields below it"),
    ],
)
def test_an_unknown_field_is_told_what_was_meant(path: str, told: str) -> None:
    with pytest.raises(UnknownField) as problem:
        document(path)
    assert told in str(problem.value)


def test_a_field_says_what_it_may_hold() -> None:
    text = plain(field_lines(document("Flavor.vcpus"), ""))
    assert "whole number; required\n" in text
    assert "Bounds: at least 1, at most 512." in text


def test_the_examples_are_one_valid_fleet_with_every_kind() -> None:
    desired, diagnostics = load([Blob(example.FILE, example.text().encode())], lambda path: None)
    assert diagnostics == []
    assert {address.kind for address in desired.resources} == set(REGISTRY)


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("Instance.spec.networks.address", "address: 10.20.0.110\n"),
        ("Volume.spec.size", "size: 20Gi\n"),
        ("SecurityGroup.spec.ingress.ports", "ports: 443\n"),
        ("SecurityGroup.spec.ingress.protocol", "protocol: tcp\n"),
        ("Host.spec.ratios", "ratios:\n  vcpus: 4.0\n  memory: 1.0\n"),
        ("Instance.spec.updatePolicy", "updatePolicy:\n  allow: [restart]\n"),
        ("Keypair.spec.publicKeyFile", ""),
    ],
)
def test_a_field_is_shown_as_it_is_written(path: str, lines: str) -> None:
    assert example.example(path) == lines


def test_a_kind_is_shown_as_a_whole_manifest() -> None:
    text = example.example("Volume")
    assert text.startswith("apiVersion: reconciler/v1\nkind: Volume\n")
    assert text.endswith("  deletionPolicy: Retain\n")
