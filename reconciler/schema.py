"""The JSON Schemas of the kinds, generated from their types: editors use them, and so do our messages."""

from __future__ import annotations

import functools
from typing import Any, Literal

import msgspec

from reconciler.kinds import REGISTRY
from reconciler.kinds.base import API_VERSION, Kind, Spec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "#/$defs/{name}"


@functools.cache
def document_type(name: str) -> type[Any]:
    """The type of a kind's whole manifest, which msgspec decodes."""
    kind = REGISTRY[name]
    return msgspec.defstruct(
        name,
        [("api_version", Literal[API_VERSION]), ("kind", Literal[name]), ("metadata", kind.metadata), _spec(kind)],
        bases=(Spec,),
        frozen=True,
        kw_only=True,
        namespace={"__doc__": kind.spec.__doc__},
    )


def _spec(kind: Kind) -> tuple[Any, ...]:
    """The spec may be left out where it requires nothing."""
    required = any(field.required for field in msgspec.structs.fields(kind.spec))
    return ("spec", kind.spec) if required else ("spec", kind.spec, msgspec.field(default_factory=kind.spec))


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one kind's whole manifest, complete in itself."""
    reference, definitions = _components([name])
    body = definitions.pop(reference[name])
    return _headed(name.lower(), body) | {"$defs": definitions}


def any_kind() -> dict[str, Any]:
    """The JSON Schema of a manifest of any kind; `kind` decides what else it must be."""
    reference, definitions = _components(sorted(REGISTRY))
    cases = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"$ref": _REFERENCE.format(name=reference[name])},
        }
        for name in sorted(REGISTRY)
    ]
    body = {
        "title": "Manifest",
        "description": "A resource of any kind.",
        "type": "object",
        "properties": {"apiVersion": {"enum": [API_VERSION]}, "kind": {"enum": sorted(REGISTRY)}},
        "required": ["apiVersion", "kind"],
        "allOf": cases,
    }
    return _headed("manifest", body) | {"$defs": definitions}


def schemas() -> dict[str, bytes]:
    """File name to content of every schema."""
    documents = {f"{name.lower()}.json": schema(name) for name in REGISTRY} | {"manifest.json": any_kind()}
    return {
        file: msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
        for file, document in sorted(documents.items())
    }


def _headed(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, "$id": f"urn:vm-reconciler:schema:v1:{name}", **body}


def _components(names: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The key of each kind's manifest among the definitions, and all definitions that they need."""
    schemas, definitions = msgspec.json.schema_components([document_type(name) for name in names])
    keys = [found["$ref"].rpartition("/")[2] for found in schemas]
    return dict(zip(names, keys, strict=True)), {key: _for_editors(value) for key, value in definitions.items()}


def _for_editors(node: Any) -> Any:
    """No field may be null: absent says the same. Descriptions stand where editors look for them: on the field
    itself, not on one of its alternatives.
    """
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _for_editors(value) for key, value in node.items()}
    if found.get("default", "") is None:
        del found["default"]
    if isinstance(found.get("description"), str):
        found["description"] = " ".join(found["description"].split())
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    return _without_null(found) if "anyOf" in found else found


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    branches = [branch for branch in field.pop("anyOf") if branch != {"type": "null"}]
    described = [branch.pop("description") for branch in branches if "description" in branch]
    about = {"description": described[0]} if described else {}
    return {**about, **(branches[0] if len(branches) == 1 else {"anyOf": branches}), **field}
