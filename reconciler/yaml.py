"""A safe subset of YAML: what a parser of untrusted manifests may accept, with the place of every value.

Scalars follow the YAML 1.2 core schema, so an unquoted MAC, `no`, `010`, `22:22` and dates are text. There are no
anchors, aliases, merge keys, tags or duplicate keys. Nodes are composed here from the parser's events, never by its
own composer, which overflows the C stack on deep input. A user's mistake becomes a diagnostic, never an exception.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from reconciler.diagnostic import Diagnostic
from reconciler.text import FORBIDDEN, SourceText, decode, forbidden_character
from reconciler.yaml_syntax import explain

MOST_DEPTH = 64
MOST_NODES = 100_000
"""In one document."""
MOST_NODES_OF_FILE = 1_000_000
"""The manifests of 10,000 instances have 600,000."""
MOST_DIGITS = 20
_WORDS = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    form: word == "true" for word in ("true", "false") for form in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAYBE_NUMBER = frozenset("+-.0123456789")


class Broken:
    """The value of a node that was refused: what it should have been is not known."""

    def __repr__(self) -> str:
        return "<broken>"


BROKEN = Broken()


class Node:
    """A value and where it stands. A mapping has the nodes of its keys in `keys`, others have none.

    `length` is 0 for what is more than a stretch of one line, and for nothing.
    """

    __slots__ = ("column", "keys", "length", "line", "value")

    def __init__(self, value: Any, line: int, column: int, length: int, keys: dict[str, Node] | None = None) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.length = length
        self.keys = keys

    def plain(self) -> Any:
        """The value without places: dicts, lists and scalars."""
        if self.keys is not None:
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


class File:
    """One file, read: its documents (those before the first unreadable place), its text, and its mistakes."""

    def __init__(self, source: SourceText | None, diagnostics: list[Diagnostic]) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.documents: list[Node] = []
        self.nodes = 0
        self.complete = source is not None


class _Stop(Exception):
    """The rest of the file is not read."""


def read(path: str, data: bytes) -> File:
    """Read a file of YAML documents."""
    source, diagnostics = decode(path, data)
    file = File(source, diagnostics)
    if source is None:
        return file
    composer = _Composer(source, diagnostics)
    try:
        file.documents.extend(composer.documents())
    except _Stop:
        file.complete = False
    except yaml.YAMLError as problem:
        diagnostics.append(explain(source, problem))
        file.complete = False
    file.nodes = composer.nodes
    return file


class _Composer:
    def __init__(self, source: SourceText, diagnostics: list[Diagnostic]) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.events = yaml.parse(source.text, Loader=yaml.CSafeLoader)
        self.nodes = 0
        self.most = MOST_NODES

    def documents(self) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.most = min(self.nodes + MOST_NODES, MOST_NODES_OF_FILE)
                node = self.node(next(self.events), 1)
                if node.value is not None:
                    yield node

    def node(self, event: Any, depth: int) -> Node:
        self.nodes += 1
        if self.nodes > self.most:
            detail = f"A document may have {MOST_NODES:,}, a file {MOST_NODES_OF_FILE:,}."
            self.stop("too-many-values", "file has too many values", detail, event)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if depth > MOST_DEPTH:
            detail = f"Values may be nested {MOST_DEPTH} levels deep; nothing in a manifest needs more."
            self.stop("too-deep", "values are nested too deeply", detail, event)
        if event.anchor is not None or event.tag is not None:
            self.refuse_properties(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, depth)
        return self.sequence(event, depth)

    def mapping(self, start: Any, depth: int) -> Node:
        value: dict[str, Node] = {}
        keys: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            name, key = self.key(event, depth)
            node = self.node(next(self.events), depth + 1)
            if name is None:
                continue
            if name in keys:
                self.duplicate(name, keys[name], key)
            else:
                keys[name], value[name] = key, node
        mark = start.start_mark
        return Node(value, mark.line + 1, mark.column + 1, 0, keys)

    def sequence(self, start: Any, depth: int) -> Node:
        value: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            value.append(self.node(event, depth + 1))
        mark = start.start_mark
        return Node(value, mark.line + 1, mark.column + 1, 0)

    def key(self, event: Any, depth: int) -> tuple[str | None, Node]:
        """A key's text, whatever its type would be as a value; None when it is no text and was reported."""
        key = self.node(event, depth + 1)
        if isinstance(event, yaml.ScalarEvent):
            if key.value is BROKEN:
                return None, key
            if event.value == "<<" and event.implicit[0]:
                detail = "Merge keys are not part of this YAML: write the fields out where they belong."
                self.report("merge-key", "merge key is not allowed", detail, event)
                return None, key
            return event.value, key
        if not isinstance(event, yaml.AliasEvent):
            self.report("key-not-text", "key is not text", "A key is a single word or a quoted text.", event)
        return None, key

    def scalar(self, event: Any) -> Node:
        if event.anchor is not None or event.tag is not None:
            self.refuse_properties(event)
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 0
        value: Any = event.value
        if event.implicit[0]:
            value = self.resolve(value, event)
        elif event.style == '"' and (match := FORBIDDEN.search(value)):
            place = (start.line + 1, start.column + 1, length)
            self.diagnostics.append(forbidden_character(self.source, match.group(), *place))
            value = BROKEN
        return Node(value, start.line + 1, start.column + 1, length)

    def resolve(self, text: str, event: Any) -> Any:
        """The value of an unquoted scalar."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _MAYBE_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            number = int(text, 0) if len(text) <= MOST_DIGITS else math.inf
            return number if -(1 << 63) <= number < 1 << 63 else self.bad_number(event)
        if _FLOAT.fullmatch(text):
            return number if math.isfinite(number := float(text)) else self.bad_number(event)
        return self.bad_number(event) if _NOT_FINITE.fullmatch(text) else text

    def bad_number(self, event: Any) -> Broken:
        detail = "A number must be finite and fit into 64 bits. If it is meant as text, put it in quotes."
        self.report("number-out-of-range", "number out of range", detail, event)
        return BROKEN

    def alias(self, event: Any) -> Node:
        detail = "Aliases are not part of this YAML: write the value out where it is needed."
        self.report("alias", "alias is not allowed", detail, event)
        return Node(BROKEN, event.start_mark.line + 1, event.start_mark.column + 1, 1)

    def refuse_properties(self, event: Any) -> None:
        if event.anchor is not None:
            detail = "Anchors are not part of this YAML: remove it, and write the value out where it is needed."
            self.report("anchor", "anchor is not allowed", detail, event)
        if event.tag is not None:
            detail = "Tags are not part of this YAML: remove it; put a value in quotes if it is meant as text."
            self.report("tag", "tag is not allowed", detail, event)

    def duplicate(self, name: str, first: Node, second: Node) -> None:
        detail = f"It is first given in line {first.line}, and again here. Keep one of them."
        place = (second.line, second.column, second.length)
        self.diagnostics.append(self.source.error("duplicate-key", "key is given twice", detail, *place))

    def report(self, code: str, summary: str, detail: str, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        self.diagnostics.append(self.source.error(code, summary, detail, start.line + 1, start.column + 1, length))

    def stop(self, code: str, summary: str, detail: str, event: Any) -> None:
        self.report(code, summary, f"{detail} The rest of the file was not read.", event)
        raise _Stop
