"""Consent in a commit's message: lines such as `Reconciler-Allow: restart Instance/shop/web-1` at its end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from reconciler.guard import Allow, parse_allow
from reconciler.guard.allow import CONSENTABLE

KEY = "Reconciler-Allow"
MOST = 1_000
"""Trailers of one commit that are read."""
_LINE = re.compile(rf"{KEY}\s*:(.*)", re.IGNORECASE)
_TRAILER = re.compile(r"[A-Za-z0-9-]+\s*:.*|\s+\S.*|\(cherry picked from commit [0-9a-f]+\)")
_WORDS = (*CONSENTABLE, "delete")


class Trailer(msgspec.Struct, frozen=True, kw_only=True):
    """A line that gives consent, or tries to: `mistake` says what is wrong with it. `line` counts from 1."""

    line: int
    text: str
    allow: Allow = Allow()
    mistake: str = ""


def trailers(message: str) -> Iterator[Trailer]:
    """Those of a message. They count in its last paragraph alone, which Git takes for trailers: text further up may
    quote another message.
    """
    lines = message.rstrip().split("\n")
    found = [(number, match) for number, line in enumerate(lines, 1) if (match := _LINE.fullmatch(line.rstrip()))]
    begin = _last_paragraph(lines)
    for number, match in found[:MOST]:
        text = " ".join(match[1].split())
        if number <= begin:
            why = "it stands in the middle of the message. Write it into the last paragraph, among trailers only"
            yield Trailer(line=number, text=text, mistake=why)
        else:
            yield _read(number, text)


def _last_paragraph(lines: list[str]) -> int:
    """How many lines come before the trailers; all of them when the last paragraph is something else."""
    begin = max((index + 1 for index, line in enumerate(lines) if not line.strip()), default=len(lines))
    return begin if all(_TRAILER.fullmatch(line.rstrip()) for line in lines[begin:]) else len(lines)


def _read(number: int, text: str) -> Trailer:
    what, _, target = text.partition(" ")
    try:
        if not target or " " in target or what not in _WORDS:
            raise ValueError(f"write `delete COUNT`, or one of {', '.join(_WORDS)} and an address")
        return Trailer(line=number, text=text, allow=parse_allow([f"{what}={target}"]))
    except ValueError as problem:
        return Trailer(line=number, text=text, mistake=str(problem))
