"""What each diagnostic code means. The texts stand in `codes.toml`, in one place for all of them."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files

import msgspec

from reconciler.report.line import Line, Span, line


class Meaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a code stands for, why it is told or refused, and what to do."""

    means: str
    why: str
    do: str


@functools.cache
def meanings() -> dict[str, Meaning]:
    """Every code with its meaning."""
    data = files("reconciler.report").joinpath("codes.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(data), dict[str, Meaning])


def code_lines(name: str) -> list[Line]:
    """One code, for people."""
    meaning = meanings()[name]
    texts = (("", meaning.means), ("why: ", meaning.why), ("what to do: ", meaning.do))
    return [line(Span(name, "bold")), *(line(Span(f"  {word}", "dim"), text) for word, text in texts)]


def codes_lines() -> list[Line]:
    """All codes, one line each."""
    return [line(Span(f"{code:<24}", "bold"), meaning.means) for code, meaning in sorted(meanings().items())]
