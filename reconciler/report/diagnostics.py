"""Diagnostics as text: what, where with a caret, why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostic import Diagnostic, in_order
from reconciler.report.line import Line, Span, counted, escape, indented, line, paragraphs, width

_STYLES = {"error": "bold red", "warning": "bold yellow"}
_EXCERPT = 110
"""Columns of a source line that are shown around the place that is meant."""


def diagnostic_lines(diagnostic: Diagnostic) -> list[Line]:
    """One diagnostic."""
    code = Span(f" [{diagnostic.code}]", "dim")  # what `explain` takes
    head = line(Span(diagnostic.severity, _STYLES[diagnostic.severity]), f": {diagnostic.summary}", code)
    where = [line(Span(f"  {diagnostic.place}", "cyan"))] if diagnostic.place else []
    detail = indented(paragraphs(diagnostic.detail), 2) if diagnostic.detail else []
    return [head, *where, *indented(_excerpt(diagnostic), 4), *detail]


def diagnostics_lines(diagnostics: Sequence[Diagnostic]) -> list[Line]:
    """All of them, in the order of their places, and how many there are."""
    found = in_order(list(diagnostics))
    lines = [one for diagnostic in found for one in (*diagnostic_lines(diagnostic), line())]
    return [*lines, line(_count(found))] if found else []


def _count(diagnostics: list[Diagnostic]) -> str:
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    words = [counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number]
    return ", ".join(words) + "."


def _excerpt(diagnostic: Diagnostic) -> list[Line]:
    """The line that is meant, and a caret under what is meant of it."""
    place = diagnostic.place
    if place is None or not place.line or not diagnostic.excerpt:
        return []
    column = max(place.column - 1, 0)
    first = max(0, column - _EXCERPT // 2)
    shown = diagnostic.excerpt[first : first + _EXCERPT]
    number = str(place.line)
    source = line(Span(f"{number} | ", "dim"), shown)
    if not place.column:
        return [source]
    meant = shown[column - first : column - first + diagnostic.length]
    caret = "^" * max(width(escape(meant)), 1)
    blank = " " * width(escape(shown[: column - first]))
    return [source, line(Span(" " * len(number) + " | ", "dim"), blank, Span(caret, "bold red"))]
