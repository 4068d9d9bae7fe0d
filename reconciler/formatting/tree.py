"""A YAML file as a tree that keeps what a parser throws away: the text of each scalar, comments, blank lines.

Only for files that our own reader accepts: there are no anchors, tags or complex keys in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

_HASH = re.compile(r"(?:(?<=[ \t])|^)#")
_HEADER = re.compile(r"[|>][-+0-9]*")


class Comment(msgspec.Struct):
    """A comment, where it stands (counted from 0), whether it is alone in its line, and whether that follows a blank
    one.
    """

    line: int
    column: int
    text: str
    alone: bool
    after_blank: bool


class Scalar(msgspec.Struct):
    """The lines of a scalar as they are written; those of a block scalar after its header keep their indentation."""

    lines: list[str]
    block: bool = False


class Entry(msgspec.Struct):
    """A field of a mapping or an item of a list (which has no key), with the comments above it and behind it."""

    key: Scalar | None
    value: Scalar | Collection
    after_blank: bool = False
    above: list[Comment] = []
    behind: list[Comment] = []


class Collection(msgspec.Struct):
    """A mapping or a list; `flow`: in braces or brackets. `below` are the comments after its last entry."""

    mapping: bool
    flow: bool
    entries: list[Entry] = []
    below: list[Comment] = []


class Document(msgspec.Struct):
    """One document of a file."""

    root: Scalar | Collection
    above: list[Comment]
    below: list[Comment]


def documents(text: str) -> list[Document]:
    """The documents of a text with `\\n` line ends; those that say nothing are left out."""
    return list(_Builder(text).documents())


def comments(text: str) -> list[str]:
    """All comments of a text, in order."""
    return [comment.text for comment in _Builder(text).comments]


class _Builder:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.events: list[Any] = list(yaml.parse(text, Loader=yaml.CSafeLoader))
        self.comments = list(self._comments())
        self.next_event = self.next_comment = 0

    def documents(self) -> Iterator[Document]:
        spare: list[Comment] = []
        starts = [event.start_mark.line for event in self.events if _is(event, yaml.DocumentStartEvent)]
        for end in [*starts[1:], len(self.lines) + 1] if starts else []:
            while not isinstance(self._event(), yaml.DocumentStartEvent):
                pass
            above = [*spare, *self._until(self.events[self.next_event].start_mark.line)]
            root = self._node(0)
            below, spare = self._until(end), []
            if isinstance(root, Scalar) and root.lines == [""]:
                spare = [*above, *below]
            else:
                yield Document(root, above, below)

    def _event(self) -> Any:
        self.next_event += 1
        return self.events[self.next_event - 1]

    def _until(self, line: int, column: int = 0) -> list[Comment]:
        """Take the comments before a line (counted from 0), as long as they are not left of a column."""
        taken = []
        while self.next_comment < len(self.comments):
            comment = self.comments[self.next_comment]
            if comment.line >= line or comment.column < column:
                break
            taken.append(comment)
            self.next_comment += 1
        return taken

    def _node(self, column: int) -> Scalar | Collection:
        event = self._event()
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        found = Collection(mapping, bool(event.flow_style), [], [])
        left = column if event.flow_style else event.start_mark.column
        while not isinstance(self.events[self.next_event], yaml.MappingEndEvent | yaml.SequenceEndEvent):
            found.entries.append(self._entry(found, left))
        end = self._event()
        if found.flow:
            found.below = self._until(end.start_mark.line)
        else:
            inside = left + (not mapping and column == left + 1)  # a list may stand as far left as its key
            found.below = self._until(end.end_mark.line, max(inside, 1) if column else 0)
        return found

    def _entry(self, holder: Collection, left: int) -> Entry:
        line = self.events[self.next_event].start_mark.line
        above = self._until(line)
        while above and not above[0].alone and holder.entries:
            holder.entries[-1].behind.append(above.pop(0))
        key = self._scalar(self._event()) if holder.mapping else None
        return self._with_value(Entry(key, Scalar([]), self._is_blank(line - 1), above, []), holder.flow, left)

    def _with_value(self, entry: Entry, flow: bool, left: int) -> Entry:
        """The entry with its value and the comments around that. Within braces whatever follows a value may be behind
        the next one too, so that one takes it.
        """
        first = self.events[self.next_event]
        nested = isinstance(first, yaml.CollectionStartEvent) and not first.flow_style
        if entry.key is not None:
            line = self.events[self.next_event - 1].end_mark.line
            entry.behind += self._until(min(first.start_mark.line, line + 1) if nested else first.start_mark.line)
        entry.value = self._node(left + 1)
        if not nested and not flow:
            last = self.events[self.next_event - 1].end_mark.line
            block = isinstance(entry.value, Scalar) and entry.value.block
            entry.behind += self._in_line(first.start_mark.line if block else last)
        return entry

    def _in_line(self, line: int) -> list[Comment]:
        """The comment behind something that ends in a line."""
        following = self.comments[self.next_comment : self.next_comment + 1]
        return self._until(line + 1) if following and not following[0].alone else []

    def _is_blank(self, line: int) -> bool:
        return line >= 0 and not self.lines[line].strip()

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark, event.end_mark
        if event.style in ("|", ">"):
            header = _HEADER.match(self.lines[start.line], start.column)
            last = end.line if end.column == 0 else end.line + 1
            return Scalar([header[0] if header else "", *self.lines[start.line + 1 : last]], block=True)
        if start.line == end.line:
            return Scalar([self.lines[start.line][start.column : end.column]])
        first, *middle = self.lines[start.line : end.line + 1]
        lines = [first[start.column :], *middle[:-1], middle[-1][: end.column]]
        return Scalar([text.strip(" \t") for text in lines])

    def _comments(self) -> Iterator[Comment]:
        """Every `#` that follows a blank or begins a line, outside of all scalars."""
        covered = self._covered()
        for number, text in enumerate(self.lines):
            spans = covered.get(number, [])
            found = (match.start() for match in _HASH.finditer(text))
            at = next((column for column in found if not _in(column, spans)), None)
            if at is not None:
                alone, after_blank = not text[:at].strip(), self._is_blank(number - 1)
                yield Comment(number, at, text[at:].rstrip(), alone, after_blank)

    def _covered(self) -> dict[int, list[tuple[int, int]]]:
        """Per line, the columns that scalars take."""
        covered: dict[int, list[tuple[int, int]]] = {}
        for event in (event for event in self.events if _is(event, yaml.ScalarEvent)):
            start, end = event.start_mark, event.end_mark
            block = event.style in ("|", ">")
            for number in range(start.line, end.line + 1):
                first = start.column if number == start.line else 0
                last = end.column if number == end.line else len(self.lines[number]) + 1
                if block and number == start.line:
                    last = first + 1
                covered.setdefault(number, []).append((first, last))
        return covered


def _is(event: Any, kind: type[Any]) -> bool:
    """The stubs call marks optional, which those of a parser never are: so no type is narrowed here."""
    return isinstance(event, kind)


def _in(column: int, spans: list[tuple[int, int]]) -> bool:
    return any(first <= column < last for first, last in spans)
