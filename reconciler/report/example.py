"""How a field is written: its lines from a manifest that is known to be right (`examples.yaml`)."""

from __future__ import annotations

import functools
from importlib.resources import files

from reconciler import yaml
from reconciler.yaml import Node

FILE = "examples.yaml"


@functools.cache
def text() -> str:
    """The manifests."""
    return files("reconciler.report").joinpath(FILE).read_text(encoding="utf-8")


def example(path: str) -> str:
    """The lines in which a kind's manifest, or one field of it, is written; empty when the example has none.

    `path` is as `FieldDoc` has it: names in maps and numbers in lists are left out, so the first one is taken.
    """
    kind, *parts = path.split(".")
    documents = yaml.read(FILE, text().encode()).documents
    nodes = [node for node in documents if node.value["kind"].value == kind]
    if not nodes:
        return ""
    node, first, last = nodes[0], nodes[0].line, _end(nodes[0].line)
    for part in parts:
        found = _inner(node, part)
        if found is None:
            return ""
        holder, node = found
        first = (holder.keys or {})[part].line
        last = _before_next(holder, first, last)
    return _lines(first, last)


def _inner(node: Node, part: str) -> tuple[Node, Node] | None:
    """The mapping that holds a field, and the field: here, or in the first entry or item that has it."""
    if node.keys is not None and part in node.keys:
        return node, node.value[part]
    below = node.value.values() if node.keys is not None else node.value if isinstance(node.value, list) else ()
    return next((found for each in below if each.keys and part in each.keys and (found := _inner(each, part))), None)


def _before_next(holder: Node, first: int, last: int) -> int:
    """The last line of a field: before the next field, item or entry."""
    column = (holder.keys or {})[next(iter(holder.keys or {}))].column
    lines = text().splitlines()
    for number in range(first + 1, last + 1):
        if len(lines[number - 1]) - len(lines[number - 1].lstrip(" ")) < column:
            return number - 1
    return last


def _end(first: int) -> int:
    lines = text().splitlines()
    rest = range(first, len(lines) + 1)
    return next((number - 1 for number in rest if lines[number - 1] == "---"), len(lines))


def _lines(first: int, last: int) -> str:
    found = text().splitlines()[first - 1 : last]
    found[0] = found[0].replace("- ", "  ", 1) if found[0].lstrip().startswith("- ") else found[0]
    margin = len(found[0]) - len(found[0].lstrip(" "))
    return "\n".join(line[margin:] for line in found) + "\n"
