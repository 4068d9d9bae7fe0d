"""What a manifest may hold, field by field: read off the JSON Schemas, which are generated from the kinds' types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler import shape
from reconciler.schema import schema
from reconciler.shape import Node
from reconciler.suggest import did_you_mean, listed

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "nothing",
}
_BOUNDS = (
    ("minimum", "at least", ""),
    ("maximum", "at most", ""),
    ("minItems", "at least", "item"),
    ("maxItems", "at most", "item"),
    ("minProperties", "at least", "entry"),
    ("maxProperties", "at most", "entry"),
    ("minLength", "at least", "character"),
    ("maxLength", "at most", "character"),
)
KINDS = {
    "Fleet": "The identity of everything in the repository, and the bounds of what one run may do.",
    "Project": "What belongs together: quotas, and what its instances take where they say nothing.",
    "Host": "A hypervisor of the trusted configuration, and how this fleet uses it.",
    "Flavor": "The size of an instance.",
    "Image": "The content that disks start from, known by its digest.",
    "Network": "A network with addresses to give, on one host or on a wire that several hosts share.",
    "SecurityGroup": "What may reach an instance, and what it may reach: allow-only, default deny.",
    "Keypair": "A public SSH key that instances let in; private keys never enter Git.",
    "Volume": "A disk that outlives its instance.",
    "Instance": "A guest.",
}
"""The kinds in the order in which people meet them; a test proves that none is missing."""
_PLURALS = {"": "", "item": "items", "entry": "entries", "character": "characters"}


class UnknownField(Exception):
    """There is no such field; the message says which there are."""


class FieldDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One field. `path` begins with the kind; `default` is as in YAML, empty when there is none."""

    path: str
    type: str
    description: str
    about: str = ""
    required: bool = False
    default: str = ""
    allowed: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    fields: tuple[FieldDoc, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def document(path: str) -> FieldDoc:
    """A kind (`Instance`), or a field of it: `Instance.spec.networks.address`, in which `spec` may be left out and the
    names in a map or the numbers in a list may be written or not.

    Raises `UnknownField`. The kind must be there.
    """
    kind, *parts = path.split(".")
    root = schema(kind)
    found: Node = root
    required, at = True, [kind]
    if parts and parts[0] not in root["properties"] and parts[0] in shape.fields(_spec(root), root):
        parts.insert(0, "spec")
    for part in parts:
        within = shape.fields(found, root)
        if part not in within:
            if (entry := shape.entries(found, root)) is not None:
                found = entry
                continue
            raise UnknownField(_unknown(".".join(at), part, within, kind, root))
        required = part in shape.inner(found, root).get("required", ())
        found, at = within[part], [*at, part]
    if parts:
        return _documented(".".join(at), found, root, required, depth=1)
    whole = _documented(kind, root, root, required, depth=2)
    return msgspec.structs.replace(whole, description=KINDS[kind], about=whole.description)


def field_paths(kind: str) -> list[str]:
    """Every field of a kind, below `spec` without saying so: what a shell completes."""
    root = schema(kind)
    below = _paths(_spec(root), root, ())
    return [kind, f"{kind}.metadata", *(f"{kind}.{path}" for path in below)]


def _paths(node: Node, root: Node, above: tuple[str, ...]) -> Iterable[str]:
    for name, below in shape.fields(node, root).items():
        yield ".".join((*above, name))
        yield from _paths(below, root, (*above, name))


def _documented(path: str, node: Node, root: Node, required: bool, depth: int) -> FieldDoc:
    inner, own = shape.inner(node, root), shape.resolved(node, root)
    needed = inner.get("required", ())
    below = shape.fields(node, root).items() if depth else ()
    return FieldDoc(
        path=path,
        type=_type(node, root),
        description=node.get("description", own.get("description", "")),
        about="" if inner is node else _about(inner, node),
        required=required and "default" not in node,
        default=_default(node),
        allowed=_allowed(node, root),
        bounds=tuple(_bounds(own)),
        fields=tuple(_documented(f"{path}.{name}", each, root, name in needed, depth - 1) for name, each in below),
    )


def _bounds(node: Node) -> Iterator[str]:
    for key, words, noun in _BOUNDS:
        if key in node:
            yield f"{words} {node[key]:,} {noun if node[key] == 1 else _PLURALS[noun]}".rstrip()


def _about(inner: Node, node: Node) -> str:
    """What the mapping below says of itself, when the field says something else."""
    text: str = inner.get("description", "")
    return "" if text == node.get("description", "") else text


def _default(node: Node) -> str:
    default = node.get("default")
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, str | int | float) else ""


def _type(node: Node, root: Node) -> str:
    found = shape.resolved(node, root)
    branches = shape.branches(found, root)
    if len(branches) > 1:
        return " or ".join(dict.fromkeys(_type(branch, root) for branch in branches))
    found = branches[0]
    if "enum" in found:
        return listed_or(found["enum"])
    kind = found.get("type")
    if kind == "array":
        item = _type(found["items"], root)
        return "list of mappings" if item == "mapping" else f"list, each {item}"
    if kind == "object":
        entries = shape.entries(found, root)
        if entries is None:
            return "mapping"
        entry = _type(entries, root)
        return "mappings by name" if entry == "mapping" else f"by name, each {entry}"
    return found.get("title") or _TYPES[str(kind)]


def listed_or(values: Iterable[object]) -> str:
    """`a, b or c`."""
    *first, last = (str(value) for value in values if value is not None)
    return f"{', '.join(first)} or {last}" if first else last


def _allowed(node: Node, root: Node) -> tuple[str, ...]:
    found = shape.resolved(node, root)
    if found.get("type") == "array":
        return _allowed(found["items"], root)
    choices = [value for branch in shape.branches(found, root) for value in branch.get("enum", ())]
    return tuple(str(value) for value in choices if value is not None)


def _spec(root: Node) -> Node:
    found: Node = root["properties"]["spec"]
    return found


def _unknown(at: str, part: str, within: Iterable[str], kind: str, root: Node) -> str:
    names = list(within)
    if at == kind:
        names = [*names, *shape.fields(_spec(root), root)]
    if not names:
        return f"{at} has no fields below it."
    return f"{at} has no field `{part}`.{did_you_mean(part, names) or f' It has {listed(names)}.'}"
