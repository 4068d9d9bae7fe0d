"""Lines of text as values, and the one function through which text from users and hypervisors becomes harmless.

A line is made of spans; what ends a line is never part of a span. So whatever control character stands in a span
came from data, and `escape` shows it instead of sending it to a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Some text and the name of its style (a rich style such as `red`; empty for none)."""

    text: str
    style: str = ""


Line = tuple[Span, ...]

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # bidirectional and invisible marks, line separators
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"  # annotations, tags, lone surrogates
)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape(text: str) -> str:
    """`text` with every character shown that could act on a terminal or deceive a reader: ESC becomes `\\x1b`."""
    return _UNSAFE.sub(_visible, text)


def line(*parts: str | Span) -> Line:
    """A line of plain text and spans."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def indented(lines: Iterable[Line], columns: int) -> list[Line]:
    """The lines, further to the right."""
    return [(Span(" " * columns), *spans) for spans in lines]


def paragraphs(text: str, style: str = "") -> list[Line]:
    """Text of our own that may have several lines, as lines."""
    return [line(Span(part, style)) for part in text.split("\n")]


def plain(lines: Iterable[Line]) -> str:
    """The text without its styles, escaped; every line ends with a newline."""
    return "".join("".join(escape(span.text) for span in spans).rstrip(" ") + "\n" for spans in lines)


def width(text: str) -> int:
    """How many terminal columns escaped text takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def table(header: Iterable[str], rows: Iterable[Iterable[str | Span]]) -> list[Line]:
    """Left-aligned columns, two blanks apart, as wide as their widest cell."""
    cells = [[Span(title, "bold") for title in header]]
    cells += [[cell if isinstance(cell, Span) else Span(cell) for cell in row] for row in rows]
    widths = [max(width(escape(cell.text)) for cell in column) for column in zip(*cells, strict=True)]
    return [tuple(_padded(row, widths)) for row in cells]


def _padded(row: list[Span], widths: list[int]) -> Iterable[Span]:
    for cell, columns in zip(row[:-1], widths[:-1], strict=True):
        yield cell
        yield Span(" " * (columns - width(escape(cell.text)) + 2))
    yield row[-1]


def sentence(words: str) -> str:
    """Words as a sentence: with a capital, and a full stop where they have no end yet."""
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '?')) else '.'}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
