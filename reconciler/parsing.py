"""One file to what it declares: document by document, and none that was understood before is parsed again.

A file is cut where a line begins with `---`, which YAML takes for the end of a document wherever it stands. Its parts
are parsed one by one, so that one edited manifest of a large file is parsed alone, and no more than one is held in
memory. What cannot be cut, or has a mistake of syntax, is parsed as a whole: that alone tells its mistakes rightly.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Protocol

import msgspec

from reconciler import yaml
from reconciler.decode import MOST_MISTAKES, again, decode
from reconciler.diagnostic import Diagnostic
from reconciler.document import Document
from reconciler.kinds.base import Resource
from reconciler.yaml import MOST_NODES_OF_FILE, Node

_CUT = re.compile(rb"^---(?=[ \t\n]|\Z)", re.MULTILINE)
_UNCUT = (b"\r", b"\n%", b"\n...")
"""Other line breaks, directives and ends of documents are rare, and not worth rules of their own."""

Found = Resource | Diagnostic


class Memory(Protocol):
    """What was understood before, by what it was understood from."""

    def get(self, key: str) -> bytes | None:
        """The entry of a key, if it is known."""

    def put(self, key: str, entry: bytes) -> None:
        """Remember an entry."""


class File(Protocol):
    """A file that can be read."""

    @property
    def path(self) -> str:
        """Where it is, from the folder that is the fleet."""

    @property
    def id(self) -> str:
        """The name of its content (a Git blob id); empty where that is not known."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    @property
    def data(self) -> bytes:
        """What is in it, which may have to be fetched first."""


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A document without mistakes: its number in the part, its kind, where it begins, and its plain value."""

    index: int
    kind: str
    line: int
    column: int
    plain: bytes


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a file: its bytes, how many lines are before it, and what it is remembered by."""

    start: int
    end: int
    before: int
    key: str = ""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a part: its rows; or of a file of several parts: which they are."""

    rows: list[_Row] = []
    parts: list[Part] = []


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Entry).decode


def known(identity: str, memory: Memory) -> bool:
    """Whether something is remembered of the file with that blob id."""
    return memory.get(f"file {identity}") is not None


def found(file: File, memory: Memory | None, kinds: Collection[str] = ()) -> Iterator[Found]:
    """What a file declares, and all that is wrong with it; where it is remembered, only `kinds` if any are named."""
    key = f"file {file.id}" if file.id else ""
    if memory is not None and key and (remembered := _known(file, key, memory, kinds)) is not None:
        yield from remembered
        return
    data = file.data
    cuts = list(parts(data, key))
    in_parts = _in_parts(file, data, cuts, memory)
    if in_parts is None:
        yield from _whole(file)
        return
    if memory is not None and key and all(isinstance(each, Resource) and not each.broken for each in in_parts):
        remember(file, cuts, memory)
    yield from in_parts


def made_of(file: File, memory: Memory) -> list[Part]:
    """The parts that a file is made of; one that is remembered is not read for it."""
    key = f"file {file.id}"
    entry = _recalled(key, memory)
    if entry is None:
        return list(parts(file.data, key))
    return entry.parts or [Part(0, file.size, 0, key)]


def flawless(file: File, part: Part, memory: Memory) -> list[Resource] | None:
    """What one part of a file declares; None when it has any mistake."""
    entry = _recalled(part.key, memory)
    known = _again(entry.rows, file, part) if entry else None
    if known is not None:
        return known
    text = file.data[part.start : part.end]
    read = yaml.read(file.path, text)
    fresh = [] if read.diagnostics else list(_decoded(file.path, text, part, read.documents, memory))
    found = [each for each in fresh if isinstance(each, Resource) and not each.broken]
    return found if not read.diagnostics and len(found) == len(fresh) else None


def remember(file: File, made: list[Part], memory: Memory) -> None:
    """Keep what a file is made of, when all its parts are flawless."""
    if len(made) > 1:
        memory.put(f"file {file.id}", _ENCODE(_Entry(parts=made)))


def _known(file: File, key: str, memory: Memory, kinds: Collection[str]) -> list[Resource] | None:
    """What is remembered of a file, or None when not all of it is."""
    entry = _recalled(key, memory)
    if entry is None:
        return None
    if not entry.parts:
        return _again(entry.rows, file, None, kinds)
    found: list[Resource] = []
    for part in entry.parts:
        rows = _recalled(part.key, memory)
        resources = _again(rows.rows, file, part, kinds) if rows else None
        if resources is None:
            return None
        found += resources
    return found


def _recalled(key: str, memory: Memory) -> _Entry | None:
    data = memory.get(key)
    try:
        return None if data is None else _DECODE(data)
    except msgspec.DecodeError:
        return None


def _again(rows: list[_Row], file: File, part: Part | None, kinds: Collection[str] = ()) -> list[Resource] | None:
    """The resources of remembered documents, of all or these kinds; None when they are not as we made them."""
    data = (lambda: file.data[part.start : part.end]) if part else (lambda: file.data)
    before = part.before if part else 0
    try:
        return [
            again(Document(file.path, data, row.index, before), row.kind, row.plain, row.line, row.column)
            for row in rows
            if not kinds or row.kind in kinds
        ]
    except (msgspec.DecodeError, KeyError):
        return None


def parts(data: bytes, key: str = "") -> Iterator[Part]:
    """Where a file can be cut, so that its parts are understood as they are in the whole."""
    uncut = data.startswith((b"%", b"...")) or any(each in data for each in _UNCUT)
    cuts = [] if uncut else [match.start() for match in _CUT.finditer(data)]
    ends = [0, *(cut for cut in cuts if cut), len(data)]
    if len(ends) == 2 and key:
        yield Part(0, len(data), 0, key)
        return
    before = 0
    for start, end in pairwise(ends):
        digest = hashlib.blake2b(data[start:end], digest_size=20).hexdigest()
        yield Part(start, end, before, f"part {digest}")
        before += data.count(b"\n", start, end)


def _in_parts(file: File, data: bytes, cuts: list[Part], memory: Memory | None) -> list[Found] | None:
    """What the parts declare; None when one of them has a mistake of syntax, or all together are too large."""
    found: list[Found] = []
    nodes = mistakes = 0
    for part in cuts:
        entry = _recalled(part.key, memory) if memory is not None else None
        known = _again(entry.rows, file, part) if entry else None
        if known is not None:
            found += known
            continue
        text = data[part.start : part.end]
        read = yaml.read(file.path, text)
        nodes += read.nodes
        if read.diagnostics or nodes > MOST_NODES_OF_FILE:
            return None
        fresh = list(_decoded(file.path, text, part, read.documents, memory))
        found += fresh
        mistakes += sum(isinstance(each, Diagnostic) for each in fresh)
        if mistakes > MOST_MISTAKES:
            break  # nobody is told of more
    return found


def _decoded(path: str, text: bytes, part: Part, documents: list[Node], memory: Memory | None) -> Iterator[Found]:
    """What the documents of a part declare; without a mistake they are remembered."""
    rows: list[_Row] = []
    for index, node in enumerate(documents):
        for each in decode(Document(path, text, index, part.before), node, flawed=False):
            yield each
            if isinstance(each, Resource) and not each.broken:
                plain = _ENCODE(node.plain())
                rows.append(_Row(index, each.address.kind, node.line, node.column, plain))
            else:
                memory = None
    if memory is not None:
        memory.put(part.key, _ENCODE(_Entry(rows=rows)))


def _whole(file: File) -> Iterator[Found]:
    """A file with mistakes of syntax: the documents before the first unreadable place count."""
    read = yaml.read(file.path, file.data)
    yield from read.diagnostics
    flaws = [diagnostic.place.line for diagnostic in read.diagnostics if diagnostic.place]
    for index, (node, end) in enumerate(_with_ends(read.documents)):
        flawed = any(node.line <= line < end for line in flaws)
        yield from decode(Document(file.path, file.data, index), node, flawed)


def _with_ends(documents: list[Node]) -> Iterator[tuple[Node, float]]:
    """Each document with the line before which it ends."""
    for node, following in pairwise([*documents, None]):
        if node is not None:
            yield node, following.line if following else float("inf")
