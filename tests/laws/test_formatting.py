"""Laws of `fmt`: it changes nothing that is said, keeps comments, is done when done once, and puts fields in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import yaml
from reconciler.formatting import formatted
from reconciler.formatting.tree import comments
from reconciler.manifest import Blob, read
from reconciler.report import example

ROOT = Path(__file__).parents[2]
DOCUMENTS = [node.plain() for node in yaml.read(example.FILE, example.text().encode()).documents]
REMARKS = ["# a", "#b", "# key: value", "# 'quote", "#   --- ", "# { [", "# ü →", "##"]
TEXTS = [
    "plain",
    "two words",
    "a # no comment",
    "it's",
    "",
    "yes",
    "12",
    "ends: with colon",
    "line\nline",
    "  led\n\nby\n",
]


class Scribe:
    """Writes a value as YAML in whatever style is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.written: list[str] = []

    def remark(self) -> str:
        if not self._chance(5):
            return ""
        remark = self._draw(st.sampled_from(REMARKS))
        self.written.append(remark.rstrip())
        return remark

    def document(self, value: dict[str, Any]) -> list[str]:
        lines = [*self._above(""), *self._mapping(value, "")]
        return [*lines, *self._above("")]

    def _chance(self, of: int) -> bool:
        return self._draw(st.integers(1, of)) == 1

    def _above(self, margin: str) -> list[str]:
        lines = [""] if self._chance(6) else []
        return [*lines, *([margin + remark] if (remark := self.remark()) else [])]

    def _behind(self) -> str:
        return f" {remark}" if (remark := self.remark()) else ""

    def _mapping(self, value: dict[str, Any], margin: str) -> list[str]:
        lines: list[str] = []
        for name in self._draw(st.permutations(list(value))):
            lines += [*self._above(margin), *self._valued(f"{margin}{self._key(name)}:", value[name], margin)]
        return lines

    def _list(self, items: list[Any], margin: str) -> list[str]:
        lines: list[str] = []
        for item in items:
            lines += [*self._above(margin), *self._valued(f"{margin}-", item, margin)]
        return lines

    def _valued(self, head: str, value: Any, margin: str) -> list[str]:
        deeper = margin + " " * self._draw(st.integers(1, 5))
        if isinstance(value, str) and "\n" in value and self._chance(2) and not value.startswith(" "):
            body = [deeper + text if text else "" for text in value.rstrip("\n").split("\n")]
            keep = {0: "-", 1: ""}.get(len(value) - len(value.rstrip("\n")), "+")
            return [f"{head} |{keep}{self._behind()}", *body]
        if isinstance(value, dict | list) and value and self._chance(2):
            inner = self._mapping(value, deeper) if isinstance(value, dict) else self._list(value, deeper)
            return [head + self._behind(), *inner]
        return [f"{head} {self._flow(value)}{self._behind()}"]

    def _flow(self, value: Any) -> str:
        if isinstance(value, dict):
            names = self._draw(st.permutations(list(value)))
            return "{" + ", ".join(f"{self._key(name)}: {self._flow(value[name])}" for name in names) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self._flow, value)) + self._draw(st.sampled_from(["]", " ]"]))
        return self._scalar(value)

    def _key(self, name: str) -> str:
        return json.dumps(name) if self._chance(8) else name

    def _scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        plain = value.replace("-", "").replace(".", "").isalnum() and value[0].isalpha()
        return value if plain and value != "yes" and self._chance(2) else json.dumps(value)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A file of valid manifests in some style, and the comments in it."""
    scribe = Scribe(draw)
    chosen = draw(st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=4))
    texts = []
    for document in chosen:
        said = json.loads(json.dumps(document))
        said["metadata"]["annotations"] = draw(
            st.dictionaries(st.sampled_from("abc"), st.sampled_from(TEXTS), max_size=3)
        )
        texts.append("\n".join(scribe.document(said)) + "\n")
    return draw(st.sampled_from(["", "---\n"])) + "---\n".join(texts), scribe.written


def said(text: bytes) -> list[Any]:
    return [node.plain() for node in yaml.read("f.yaml", text).documents]


@given(written())
def test_formatting_keeps_what_is_said_and_every_comment(file: tuple[str, list[str]]) -> None:
    text, remarks = file
    found = formatted("f.yaml", text.encode())
    assert found.diagnostics == ()
    assert json.dumps(said(found.data), sort_keys=True) == json.dumps(said(text.encode()), sort_keys=True)
    assert sorted(comments(found.data.decode())) == sorted(remarks)
    before, _ = read([Blob("f.yaml", text.encode())])
    after, _ = read([Blob("f.yaml", found.data)])
    assert [(each.address, each.spec, each.labels) for each in before] == [
        (each.address, each.spec, each.labels) for each in after
    ]


@given(written())
def test_formatting_twice_is_formatting_once(file: tuple[str, list[str]]) -> None:
    once = formatted("f.yaml", file[0].encode()).data
    assert formatted("f.yaml", once).data == once


@given(st.data(), st.sampled_from(DOCUMENTS))
def test_fields_come_in_their_declared_order_with_two_blanks_per_level(data: st.DataObject, document: Any) -> None:
    lines = data.draw(st.composite(lambda draw: Scribe(draw).document(document))())
    text = formatted("f.yaml", ("\n".join(lines) + "\n").encode()).data.decode()
    (found,) = said(text.encode())
    assert list(found) == ["apiVersion", "kind", "metadata", "spec"]
    assert list(found["spec"]) == list(document["spec"]), "the examples are written in the declared order"
    assert all((len(line) - len(line.lstrip(" "))) % 2 == 0 for line in text.splitlines())


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_can_be_formatted(path: Path) -> None:
    found = formatted(str(path), path.read_bytes())
    assert found.diagnostics == ()
    if path.parent.name == "quickstart":
        assert found.data == path.read_bytes(), "what newcomers copy is in canonical form"
