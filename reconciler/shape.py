"""The shape of a kind's manifests, walked along its JSON Schema: which fields a mapping has, and what is below them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Node = Mapping[str, Any]
_FIRST = ("name", "project", "origin")


def resolved(node: Node, root: Node) -> Node:
    """The schema that a reference of `root` stands for."""
    if "$ref" not in node:
        return node
    target: Node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return target


def branches(node: Node, root: Node) -> list[Node]:
    """The alternatives of a value, without null."""
    alternatives = resolved(node, root).get("anyOf")
    if alternatives is None:
        return [resolved(node, root)]
    found = [resolved(branch, root) for branch in alternatives]
    return [branch for branch in found if branch.get("type") != "null"]


def entries(node: Node, root: Node) -> Node | None:
    """What the names of a map or the items of a list are; None for anything else."""
    for branch in branches(node, root):
        found = branch.get("additionalProperties") or branch.get("items")
        if isinstance(found, dict):
            return found
    return None


def inner(node: Node, root: Node) -> Node:
    """The mapping in which the fields below a value stand: its own, that of a map's entries, or of a list's items."""
    for branch in branches(node, root):
        below = entries(branch, root)
        if below is not None:
            return inner(below, root)
        if "properties" in branch:
            return branch
    return {}


def own_fields(node: Node, root: Node) -> dict[str, Node]:
    """The fields of a mapping itself, in their declared order; none for a map of names, a list or a scalar."""
    return next((_in_order(branch["properties"]) for branch in branches(node, root) if "properties" in branch), {})


def fields(node: Node, root: Node) -> dict[str, Node]:
    """The fields below a value, names and items passed over."""
    return _in_order(inner(node, root).get("properties", {}))


def _in_order(properties: dict[str, Node]) -> dict[str, Node]:
    """As declared, but that what makes up an address and an identity comes first."""
    first = {name: properties[name] for name in _FIRST if name in properties}
    return first | properties
