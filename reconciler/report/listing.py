"""The tables of `get`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconciler.report.line import Line, Span, table
from reconciler.report.one_line import one_line
from reconciler.report.plan_text import file_and_line
from reconciler.report.resources import RETAINED, Row, addresses

_STYLES = {"Running": "green", "Active": "green", "Incomplete": "red", "Absent": "yellow", "Unknown": "yellow"}

Column = tuple[str, Callable[[Row], str | Span]]


def rows_lines(found: Sequence[Row], *, wide: bool = False) -> list[Line]:
    """The table. A column that would be empty in every row (`READY`, `WHY`) is left out."""
    columns = [*_COLUMNS[:3], *_READY, *_COLUMNS[3:], *(_WIDE if wide else ()), *_WHY]
    kept = [
        (title, cell) for title, cell in columns if title not in _OPTIONAL or any(_text(cell(row)) for row in found)
    ]
    cells = [[cell(row) for _, cell in kept] for row in found]
    return table([title for title, _ in kept], cells) if cells else []


def _text(cell: str | Span) -> str:
    return cell.text if isinstance(cell, Span) else cell


def _state(row: Row) -> Span:
    declared = row.resource is not None or row.state == RETAINED
    return Span(row.state + ("" if declared else ", undeclared"), _STYLES.get(row.state, ""))


def _ready(row: Row) -> Span:
    if row.missing is None:
        return Span("")
    return Span("no", "yellow") if row.missing else Span("yes", "green")


def _why(row: Row) -> Span:
    return Span("; ".join(text for text in (row.why, row.missing) if text), "yellow")


def _labels(row: Row) -> str:
    labels = row.resource.labels if row.resource else {}
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "-"


def _commits(row: Row) -> str:
    return ", ".join(sorted({observed.commit[:12] for observed in row.objects if observed.commit})) or "-"


def _place(row: Row) -> str:
    return file_and_line(row.resource.place) if row.resource else "-"


_COLUMNS: list[Column] = [
    ("RESOURCE", lambda row: str(row.address)),
    ("HOST", lambda row: ", ".join(row.hosts) or "-"),
    ("STATE", _state),
    ("ADDRESS", lambda row: ", ".join(addresses(row)) or "-"),
    ("SUMMARY", lambda row: one_line(row.resource, row.objects)),
]
_READY: list[Column] = [("READY", _ready)]
_WIDE: list[Column] = [("LABELS", _labels), ("COMMIT", _commits), ("DECLARED", _place)]
_WHY: list[Column] = [("WHY", _why)]
_OPTIONAL = frozenset({"READY", "WHY"})
