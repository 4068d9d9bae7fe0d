"""A tree as canonical YAML: fields in their declared order, two blanks per level, comments where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler import shape
from reconciler.formatting.tree import Collection, Comment, Document, Entry, Scalar
from reconciler.shape import Node

WIDEST = 120
"""Columns that braces or brackets may reach; what is wider is written line by line."""
STEP = "  "


class Shape(msgspec.Struct, frozen=True):
    """What a value is, as far as a schema says it: a node of `root`. Without one nothing has an order."""

    node: Node = {}
    root: Node = {}

    def inside(self, entry: Entry) -> Shape:
        """The shape of an entry's value."""
        fields = shape.own_fields(self.node, self.root) if self.node else {}
        name = entry.key.lines[0].strip("'\"") if entry.key else ""
        below = fields.get(name) if name in fields else shape.entries(self.node, self.root) if self.node else None
        return Shape(below, self.root) if below is not None else Shape()

    def ordered(self, found: Collection) -> list[Entry]:
        """The entries of a mapping in their declared order; those of others as they are."""
        if not found.mapping or not self.node:
            return found.entries
        places = {name: place for place, name in enumerate(shape.own_fields(self.node, self.root))}
        names = {id(entry): entry.key.lines[0].strip("'\"") if entry.key else "" for entry in found.entries}
        return sorted(found.entries, key=lambda entry: places.get(names[id(entry)], len(places)))


def document_lines(document: Document, shaped: Shape) -> Iterator[str]:
    """One document, without the line that parts it from others."""
    yield from _trimmed([*_comments(document.above, ""), *_root(document.root, shaped), *_comments(document.below, "")])


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _root(root: Scalar | Collection, shaped: Shape) -> Iterator[str]:
    if isinstance(root, Scalar):
        yield from root.lines
    elif not root.entries:
        yield "{}" if root.mapping else "[]"
        yield from _comments(root.below, "")
    else:
        yield from _block(root, "", shaped)


def _block(found: Collection, margin: str, shaped: Shape) -> Iterator[str]:
    """A mapping or a list, line by line; the first line has no blank one before it."""
    for index, entry in enumerate(shaped.ordered(found)):
        lines = list(_entry(entry, margin, shaped.inside(entry)))
        yield from lines if index else _without_first_blank(lines)
    yield from _comments(found.below, margin)


def _without_first_blank(lines: list[str]) -> list[str]:
    return lines[1:] if lines and not lines[0] else lines


def _entry(entry: Entry, margin: str, shaped: Shape) -> Iterator[str]:
    yield from _comments([*entry.above, *(each for each in entry.behind if each.alone)], margin)
    if entry.after_blank:
        yield ""
    behind = [each for each in entry.behind if not each.alone]
    if len(behind) > 1:
        yield from _comments(behind[:-1], margin)
    tail = f"  {behind[-1].text}" if behind else ""
    head = f"{margin}{_text(entry.key)}:" if entry.key else f"{margin}-"
    yield from _valued(entry, head, tail, margin, shaped)


def _valued(entry: Entry, head: str, tail: str, margin: str, shaped: Shape) -> Iterator[str]:
    """The lines of an entry from its key or dash on."""
    value, deeper = entry.value, margin + STEP
    if isinstance(value, Scalar):
        yield from _scalar(value, head, tail, deeper)
    elif (flow := _flow(value, shaped)) is not None and len(head) + 1 + len(flow) <= WIDEST:
        yield f"{head} {flow}{tail}"
    elif entry.key is None:
        yield from _item(value, margin, shaped, tail)
    else:
        yield head + tail
        yield from _block(value, deeper, shaped)


def _item(value: Collection, margin: str, shaped: Shape, tail: str) -> Iterator[str]:
    """A mapping or list as an item of a list: it begins in the line of the dash. Comments before it go above that."""
    lines = list(_block(value, margin + STEP, shaped))
    first = next(index for index, text in enumerate(lines) if text and not text.lstrip().startswith("#"))
    above = [tail, *lines[:first]]
    yield from (margin + text.strip() for text in above if text)
    yield f"{margin}- {lines[first].lstrip(' ')}"
    yield from lines[first + 1 :]


def _scalar(value: Scalar, head: str, tail: str, deeper: str) -> Iterator[str]:
    if value.block:
        header, *lines = _reindented(value.lines, deeper)
        yield f"{head} {header}{tail}"
        yield from lines
        return
    first, *rest = value.lines
    *middle, last = [f"{head} {first}".rstrip(), *(f"{deeper}{text}" if text else "" for text in rest)]
    yield from middle
    yield last + tail


def _reindented(lines: list[str], margin: str) -> Iterator[str]:
    """A block scalar, header first. Its content keeps its own indentation, below the new margin."""
    header, content = lines[0], lines[1:]
    digit = next((letter for letter in header if letter.isdigit()), "")
    depths = [len(text) - len(text.lstrip(" ")) for text in content if text.strip(" ")]
    first = depths[0] if depths else 0
    cut = min(depths, default=0) if digit else first
    yield header.replace(digit, str(len(STEP))) if digit else header
    if "+" not in header:
        while content and not content[-1].strip():
            content.pop()
    for text in content:
        yield margin + text[cut:] if text.strip(" ") else ""


def _flow(found: Collection, shaped: Shape) -> str | None:
    """A value in braces or brackets on one line; None when it is not written so, or cannot be."""
    if not found.entries and not found.below:
        return "{}" if found.mapping else "[]"
    if not found.flow or found.below:
        return None
    parts = [_flow_entry(entry, shaped.inside(entry)) for entry in shaped.ordered(found)]
    if any(part is None for part in parts):
        return None
    text = ", ".join(part for part in parts if part is not None)
    return f"{{{text}}}" if found.mapping else f"[{text}]"


def _flow_entry(entry: Entry, shaped: Shape) -> str | None:
    value = entry.value
    if entry.above or entry.behind:
        return None
    text = _flow(value, shaped) if isinstance(value, Collection) else _only_line(value)
    if text is None or entry.key is None:
        return text
    return f"{_text(entry.key)}: {text}".rstrip()


def _only_line(value: Scalar) -> str | None:
    return value.lines[0] if len(value.lines) == 1 else None


def _text(key: Scalar) -> str:
    return " ".join(key.lines)


def _comments(found: Iterable[Comment], margin: str) -> Iterator[str]:
    for comment in found:
        if comment.after_blank:
            yield ""
        yield margin + comment.text
