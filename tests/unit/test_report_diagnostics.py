"""Diagnostics show where, with a caret that points at what is meant."""

from __future__ import annotations

import pytest

from reconciler.diagnostic import Diagnostic, Place, error
from reconciler.report.diagnostics import diagnostic_lines, diagnostics_lines
from reconciler.report.line import plain


def test_a_mistake_is_told_with_its_place_its_line_and_a_remedy() -> None:
    mistake = error(
        "unknown-field",
        "unknown field",
        "`memoryy` is no field of Flavor.\nDid you mean `memory`?",
        Place("flavors.yaml", 12, 3),
        excerpt="  memoryy: 512Mi",
        length=7,
    )
    assert plain(diagnostic_lines(mistake)) == (
        "error: unknown field [unknown-field]\n"
        "  flavors.yaml:12:3\n"
        "    12 |   memoryy: 512Mi\n"
        "       |   ^^^^^^^\n"
        "  `memoryy` is no field of Flavor.\n"
        "  Did you mean `memory`?\n"
    )


@pytest.mark.parametrize(
    ("excerpt", "column", "length", "source", "caret", "reason"),
    [
        ("\tname: x", 2, 4, "\\x09name: x", "    ^^^^", "a tab is shown as four characters"),
        ("漢: x", 4, 1, "漢: x", "    ^", "a wide character takes two columns"),
        ("name:", 6, 1, "name:", "     ^", "just behind the end: something is missing there"),
        ("a: \x1b[31m", 4, 5, "a: \\x1b[31m", "   ^^^^^^^^", "the caret covers what is shown, not what stood there"),
        ("x" * 500 + "HERE" + "y" * 500, 501, 4, "x" * 55 + "HERE" + "y" * 51, " " * 55 + "^^^^", "a window"),
        ("short", 3, 400, "short", "  ^^^", "no longer than the line"),
    ],
)
def test_the_caret_stands_under_what_is_meant(
    excerpt: str, column: int, length: int, source: str, caret: str, reason: str
) -> None:
    mistake = error("c", "s", place=Place("f", 1, column), excerpt=excerpt, length=length)
    shown = plain(diagnostic_lines(mistake)).splitlines()[2:]
    assert shown == [f"    1 | {source}", f"      | {caret}"], reason


def test_the_same_mistake_is_told_once_and_all_are_counted() -> None:
    first = error("b", "second by place", place=Place("b.yaml", 1))
    other = Diagnostic(severity="warning", code="a", summary="first by place", place=Place("a.yaml", 9))
    assert plain(diagnostics_lines([first, other, first])) == (
        "warning: first by place [a]\n  a.yaml:9\n\nerror: second by place [b]\n  b.yaml:1\n\n1 error, 1 warning.\n"
    )


def test_no_diagnostics_are_no_lines() -> None:
    assert diagnostics_lines([]) == []
