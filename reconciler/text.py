"""The text of one file: decoded once, with the places and excerpts that diagnostics point into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from reconciler.diagnostic import Diagnostic, Place, error

MOST_BYTES = 16 << 20
"""A file may hold 16 MiB: all manifests of a fleet of 10,000 instances are a third of that."""
LONGEST_EXCERPT = 200
MOST_REPORTS = 20
"""How many forbidden characters of one file are reported: a binary file has thousands."""

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f-\x9f"  # C0 except tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: what is seen is not what is meant
    "\u200b\u2028\u2029\u2060\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible ones, and other line separators
    "\ud800-\udfff\ufffe\uffff]"  # lone surrogates and non-characters
)
"""Characters that hide, forge or break what a person sees. None of them is needed in a manifest."""

_LINE_BREAK = re.compile("\r\n|\r|\n")


class SourceText:
    """A file's text by lines. Lines and columns count from 1, columns in characters."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = _LINE_BREAK.split(text)

    def excerpt(self, line: int, column: int = 1) -> str:
        """The line as it stands, cut when it is very long; nothing when the place lies beyond the cut."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return text[:LONGEST_EXCERPT] if column <= LONGEST_EXCERPT else ""

    def error(
        self, code: str, summary: str, detail: str, line: int = 0, column: int = 0, length: int = 1
    ) -> Diagnostic:
        """An error at a place of this file."""
        place = Place(self.path, line, column)
        excerpt = self.excerpt(line, column)
        return error(code, summary, detail, place, excerpt=excerpt, length=max(1, min(length, LONGEST_EXCERPT)))


def decode(path: str, data: bytes) -> tuple[SourceText | None, list[Diagnostic]]:
    """The text of a file, and what is wrong with its characters; None when it cannot be read as text at all.

    Forbidden characters are replaced one for one, so that the rest of the file can still be checked.
    """
    if len(data) > MOST_BYTES:
        detail = f"It has {len(data):,} bytes; a file of manifests may have {MOST_BYTES:,}. Split it into several."
        return None, [error("file-too-large", "file is too large", detail, Place(path))]
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        return None, [_not_utf8(path, data, problem.start)]
    source = SourceText(path, text)
    found = list(islice(_forbidden(source), MOST_REPORTS))
    if not found:
        return source, []
    cleaned = "\n".join(FORBIDDEN.sub("\ufffd", line) for line in source.lines)
    return SourceText(path, cleaned), found


def _not_utf8(path: str, data: bytes, start: int) -> Diagnostic:
    before = _LINE_BREAK.split(data[:start].decode("utf-8"))
    detail = f"The byte 0x{data[start]:02x} does not belong there. Save the file as UTF-8."
    return error("not-utf-8", "file is not UTF-8 text", detail, Place(path, len(before), len(before[-1]) + 1))


def _forbidden(source: SourceText) -> Iterator[Diagnostic]:
    if not FORBIDDEN.search(source.text.replace("\r", "")):
        return
    for number, line in enumerate(source.lines, 1):
        for match in FORBIDDEN.finditer(line):
            yield forbidden_character(source, match.group(), number, match.start() + 1)


def forbidden_character(source: SourceText, character: str, line: int, column: int, length: int = 1) -> Diagnostic:
    """The diagnostic for one character of `FORBIDDEN`."""
    detail = (
        f"U+{ord(character):04X} is invisible, or changes how the text around it is shown, so that people would not"
        " see what they approve. Remove it."
    )
    return source.error("forbidden-character", "forbidden character", detail, line, column, length)
