"""Text from data is made harmless, and lines keep their columns."""

from __future__ import annotations

import pytest

from reconciler.report.line import Span, counted, escape, line, plain, table


@pytest.mark.parametrize(
    ("text", "shown", "reason"),
    [
        ("plain ä 漢 →", "plain ä 漢 →", "letters of any script stay"),
        ("\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07", "OSC 52 would write to the clipboard"),
        ("\x1b]8;;https://evil\x1b\\here", "\\x1b]8;;https://evil\\x1b\\here", "OSC 8 would make a link"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c", "a line end in data would forge a line of ours"),
        ("\x9b31m", "\\x9b31m", "C1 has a CSI of its own"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c", "bidirectional marks reorder what is read"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff", "invisible characters hide differences"),
        ("\ud800", "\\ud800", "a lone surrogate cannot be encoded"),
        ("\U000e0041", "\\U000e0041", "tag characters are invisible"),
        ("\x7f\x00", "\\x7f\\x00", "DEL and NUL"),
    ],
)
def test_what_could_act_on_a_terminal_is_shown_instead(text: str, shown: str, reason: str) -> None:
    assert escape(text) == shown, reason


def test_markup_in_data_is_text() -> None:
    assert plain([line("[red]x[/red] :smile:")]) == "[red]x[/red] :smile:\n"


def test_no_span_can_start_a_line() -> None:
    assert plain([line("a", Span("b\nc", "red"))]) == "ab\\x0ac\n"


def test_columns_line_up_with_wide_characters_and_escaped_ones() -> None:
    lines = table(("A", "B"), [("漢字", "x"), ("\x1b", "y"), ("e\u0301", "z")])
    assert plain(lines) == "A     B\n漢字  x\n\\x1b  y\ne\u0301     z\n"


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(0, "step"), counted(1, "step"), counted(2, "step")] == ["0 steps", "1 step", "2 steps"]
