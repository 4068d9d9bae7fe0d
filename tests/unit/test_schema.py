"""The JSON Schemas: current, well-formed, and without a word that has no explanation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.kinds import REGISTRY
from reconciler.mistake import EXPLAINED
from reconciler.schema import any_kind, schema, schemas
from tests.support.manifests import SPECS, manifest

COMMITTED = Path(__file__).parents[2] / "schemas" / "v1"
ANNOTATIONS = {"$schema", "$id", "$defs", "$ref", "title", "description", "default", "properties", "items"}
"""Words that nothing can violate by itself."""


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    if isinstance(node, list):
        for item in node:
            yield from subschemas(item)
    elif isinstance(node, dict):
        yield node
        for word, value in node.items():
            if word in ("properties", "$defs"):
                yield from subschemas(list(value.values()))
            elif word not in ("default", "enum"):
                yield from subschemas(value)


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: path.read_bytes() for path in COMMITTED.iterdir()}
    assert committed == schemas(), "run `make schemas`"


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_each_schema_is_valid_and_accepts_a_manifest_of_its_kind_alone(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(kind))
    accepting = [name for name in SPECS if jsonschema.Draft202012Validator(schema(kind)).is_valid(manifest(name))]
    assert accepting == [kind]
    assert jsonschema.Draft202012Validator(any_kind()).is_valid(manifest(kind))


def test_every_word_that_can_be_violated_has_an_explanation() -> None:
    words = {word for kind in REGISTRY for node in subschemas(schema(kind)) for word in node}
    assert words - ANNOTATIONS - {"propertyNames"} <= EXPLAINED


def test_every_pattern_says_what_it_wants() -> None:
    patterns = [node for kind in REGISTRY for node in subschemas(schema(kind)) if "pattern" in node]
    assert patterns
    assert [node for node in patterns if "title" not in node] == []


def test_every_field_has_a_description() -> None:
    fields = {
        f"{kind}: {name}": field
        for kind in REGISTRY
        for node in subschemas(schema(kind))
        for name, field in node.get("properties", {}).items()
    }
    bare = [name for name, field in fields.items() if "description" not in field]
    assert [name for name in bare if name.partition(": ")[2] not in ("apiVersion", "kind", "metadata", "spec")] == []


def test_no_mapping_takes_unknown_fields() -> None:
    open_ones = [
        node["title"]
        for kind in REGISTRY
        for node in subschemas(schema(kind))
        if "properties" in node and node.get("additionalProperties") is not False
    ]
    assert open_ones == []


def test_no_pattern_takes_a_newline_at_the_end() -> None:
    """Python's `$` would; JSON Schema's and editors' would not."""
    patterns = {node["pattern"] for kind in REGISTRY for node in subschemas(schema(kind)) if "pattern" in node}
    assert [pattern for pattern in patterns if not pattern.endswith(r"$(?!\n)")] == []
