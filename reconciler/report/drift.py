"""Drift: that part of a plan which no commit asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from reconciler.plan import Change, Plan
from reconciler.report.diagnostics import diagnostics_lines
from reconciler.report.grouping import group
from reconciler.report.line import Line, Span, counted, line
from reconciler.report.plan_text import groups_lines, source_words


def drift_of(plan: Plan) -> Plan:
    """The plan's changes reduced to what no commit explains: fields that moved without one, and objects that are
    missing. Where nothing records who moved a field (`unknown`), or whether an object ever stood, it counts too.
    """
    changes = tuple(drifted for change in plan.changes if (drifted := _drifted(change)) is not None)
    return msgspec.structs.replace(plan, changes=changes, steps=())


def _drifted(change: Change) -> Change | None:
    if change.action == "create":
        return change
    if change.action == "delete":
        return None
    fields = tuple(field for field in change.fields if field.origin != "commit")
    return msgspec.structs.replace(change, fields=fields) if fields else None


def drift_lines(drift: Plan) -> list[Line]:
    """What drifted, and last how much."""
    lines = [line(Span(f"Fleet {drift.fleet}, {source_words(drift.source)}", "bold")), line()]
    lines += groups_lines(group(drift.changes))
    lines += diagnostics_lines(drift.diagnostics)
    if drift.partial:
        lines.append(line(Span("Not everything was seen: there may be more drift.", "bold yellow")))
    return [*lines, line(_words(drift.changes))]


def _words(changes: Sequence[Change]) -> str:
    counts = Counter(_sort(change) for change in changes)
    words = [f"{counted(counts[sort], 'object')} {sort}" for sort in _SORTS if counts[sort]]
    return f"Drift: {', '.join(words)}." if words else "No drift."


_SORTS = (
    "changed outside of Git",
    "not as declared (changed, or not yet applied)",
    "missing (deleted, or not yet applied)",
)


def _sort(change: Change) -> str:
    if change.action == "create":
        return _SORTS[2]
    return _SORTS[0] if any(field.origin == "drift" for field in change.fields) else _SORTS[1]
