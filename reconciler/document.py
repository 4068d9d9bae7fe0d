"""Where things stand in a document, found by path; read anew when asked, so that a resource carries no tree."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec

from reconciler import yaml
from reconciler.diagnostic import Diagnostic, Place, error
from reconciler.text import LONGEST_EXCERPT
from reconciler.yaml import Node

Path = Sequence[str | int]


class Span(msgspec.Struct, frozen=True):
    """A stretch of one line, counted from 1."""

    line: int
    column: int
    length: int


def span(document: Node, path: Path, at_key: bool = False) -> Span:
    """The value at a path, or its key: when that is meant, or the value is more than one line or nothing at all.

    A path that leads nowhere stands for the last thing on it that is there.
    """
    node, key = document, None
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        key = node.keys[str(part)] if node.keys is not None else None
        node = child
    shown = key if key and (at_key or node.length == 0) else node
    return Span(shown.line, shown.column, max(1, shown.length))


def _child(node: Node, part: str | int) -> Node | None:
    child: Node | None = None
    if node.keys is not None:
        child = node.value.get(str(part))
    elif isinstance(node.value, list) and str(part).isdecimal() and int(part) < len(node.value):
        child = node.value[int(part)]
    return child


@functools.lru_cache(maxsize=4)
def _read(path: str, data: bytes) -> yaml.File:
    return yaml.read(path, data)


class Document:
    """The document number `index` of a file, or of a part of one that has `before` lines before it.

    `data` is the content of the file or part, or a way to it: of most documents nobody asks for a place.
    """

    __slots__ = ("_data", "before", "index", "path")

    def __init__(self, path: str, data: bytes | Callable[[], bytes], index: int, before: int = 0) -> None:
        self.path = path
        self.index = index
        self.before = before
        self._data = data

    @property
    def data(self) -> bytes:
        """The content of the file or part."""
        return self._data if isinstance(self._data, bytes) else self._data()

    def at(self, line: int, column: int) -> Place:
        """A place in the file, by its line in the part."""
        return Place(self.path, line + self.before, column)

    def place(self, path: str) -> Place:
        """Where the field with a dotted path stands."""
        found = self.span(path.split("."))
        return self.at(found.line, found.column)

    def declares(self, path: str) -> bool:
        """Whether something is written at a dotted path."""
        node: Node | None = _read(self.path, self.data).documents[self.index]
        for part in path.split("."):
            node = _child(node, part) if node is not None else None
        return node is not None

    def excerpt(self, path: str) -> tuple[str, int]:
        """The line where the field stands, and how many columns of it are meant."""
        found = self.span(path.split("."))
        return self._excerpt(found), found.length

    def span(self, path: Path, at_key: bool = False) -> Span:
        """The stretch of text at a path; its line counts from the part's first."""
        return span(_read(self.path, self.data).documents[self.index], path, at_key)

    def error(self, code: str, summary: str, detail: str, at: Span) -> Diagnostic:
        """An error at a stretch of this document."""
        place = self.at(at.line, at.column)
        length = min(at.length, LONGEST_EXCERPT)
        return error(code, summary, detail, place, excerpt=self._excerpt(at), length=length)

    def _excerpt(self, at: Span) -> str:
        source = _read(self.path, self.data).source
        return source.excerpt(at.line, at.column) if source else ""
