"""One resource in full: what is desired, what stands, where they differ, what waits, who uses whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from reconciler.address import Address
from reconciler.objects import Observed, Value
from reconciler.plan import Change, Granted
from reconciler.report.line import Line, Span, indented, line, table
from reconciler.report.plan_json import change_value
from reconciler.report.plan_text import SYMBOLS, consent_line, file_and_line
from reconciler.report.resources import RETAINED, Row, row_value, state_of
from reconciler.report.value import render


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to say of a resource."""

    row: Row
    changes: tuple[Change, ...]
    uses: tuple[Address, ...]
    used_by: tuple[Address, ...]


def description_lines(description: Description) -> list[Line]:
    """For people."""
    row = description.row
    lines = [line(Span(str(row.address), "bold"))]
    lines += _pair("state", row.state) + _pair("why", row.why)
    lines += _pair(
        "declared", file_and_line(row.resource.place) if row.resource else _UNDECLARED[row.state == RETAINED]
    )
    lines += _pair("labels", ", ".join(f"{name}={value}" for name, value in sorted(_labels(row).items())))
    lines += _pair("uses", _listed(description.uses))
    lines += _pair("used by", _listed(description.used_by))
    for observed in row.objects:
        change = next((change for change in description.changes if change.key == observed.key), None)
        lines += [line(), *_object_lines(observed, change)]
    absent = [change for change in description.changes if change.key not in {one.key for one in row.objects}]
    for change in absent:
        lines += [line(), *_planned_lines(change)]
    return lines


_UNDECLARED = {
    False: "no: the next apply deletes it",
    True: "no: it is kept, and taken back with its data when it is declared again",
}


def _labels(row: Row) -> Mapping[str, str]:
    return row.resource.labels if row.resource else {}


def _pair(name: str, text: str) -> list[Line]:
    return [line(Span(f"  {name:<10}", "dim"), text)] if text else []


def _listed(addresses: Iterable[Address]) -> str:
    return ", ".join(map(str, addresses))


def _object_lines(observed: Observed, change: Change | None) -> list[Line]:
    part = f", content {observed.key.part}" if observed.key.part else ""
    head = line(Span(f"On {observed.key.host}", "bold"), f": {state_of(observed)}{part}")
    facts = _pair("uid", observed.uid) + _pair("guards", ", ".join(observed.guards))
    facts += _pair("commit", observed.commit)
    return [head, *facts, *indented(_fields_table(observed, change), 2), *_planned(change)]


def _planned(change: Change | None) -> list[Line]:
    return [] if change is None else indented(_planned_lines(change), 2)


def _planned_lines(change: Change) -> list[Line]:
    words = f"{SYMBOLS[change.action]} planned: {change.action} on {change.key.host}, impact {change.impact}"
    lines = [line(words + (f": {change.reason}" if change.reason else ""))]
    if not isinstance(change.consent, Granted):
        lines.append(consent_line(change.consent))
    return lines


class _Field(msgspec.Struct, frozen=True):
    """A field in its three forms."""

    path: str
    desired: Value
    stored: Value
    running: Value

    @property
    def differs(self) -> bool:
        return not self.desired == self.stored == self.running


def _fields_table(observed: Observed, change: Change | None) -> list[Line]:
    """Desired, stored and running, as far as they differ: a blank means the same as to its left."""
    fields = [field for field in _fields(observed, change) if field.differs or field.desired not in (None, ())]
    if any(field.differs for field in fields):
        return table(("FIELD", "DESIRED", "STORED", "RUNNING"), (cell for field in fields for cell in _cells(field)))
    return table(("FIELD", "VALUE"), (cell[:2] for field in fields for cell in _cells(field))) if fields else []


def _fields(observed: Observed, change: Change | None) -> Iterator[_Field]:
    """What the plan changes is desired otherwise; all else is as desired."""
    after = {field.path: field.after for field in change.fields} if change else {}
    deleted = change is not None and change.action == "delete"
    for path in sorted({*observed.stored, *(observed.running or {}), *after}):
        stored = observed.stored.get(path)
        running = stored if observed.running is None else observed.running.get(path, stored)
        yield _Field(path, None if deleted else after.get(path, stored), stored, running)


def _cells(field: _Field) -> Iterator[tuple[str, Span, str, str]]:
    columns = [
        _items(field.path, field.desired),
        _items(field.path, field.stored) if field.stored != field.desired else [],
        _items(field.path, field.running) if field.running != field.stored else [],
    ]
    style = "yellow" if field.differs else ""
    for index, (desired, stored, running) in enumerate(zip_longest(*columns, fillvalue="")):
        yield "" if index else field.path, Span(desired, style), stored, running


def _items(path: str, value: Value) -> Sequence[str]:
    return value if isinstance(value, tuple) and value else [render(path, value)]


def description_value(description: Description) -> dict[str, Any]:
    """For programs: as in `get -o json`, and what the plan says."""
    return {
        **row_value(description.row),
        "uses": list(map(str, description.uses)),
        "usedBy": list(map(str, description.used_by)),
        "changes": [change_value(change, [change.key.host]) for change in description.changes],
    }
