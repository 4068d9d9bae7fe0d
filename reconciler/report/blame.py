"""Who made a value: the live fields of a resource, each with the lines and commits that it comes from."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from reconciler.address import Address
from reconciler.objects import Value
from reconciler.plan import FieldChange, Plan
from reconciler.provenance import Root
from reconciler.record.log import Commit
from reconciler.report.history import commit_value
from reconciler.report.line import Line, Span, indented, line
from reconciler.report.plan_json import source_value
from reconciler.report.value import plain_value, render

FORMAT_VERSION = 1
_SHORT = 12
State = Literal["as-declared", "drift", "not-applied", "unknown", "missing", "declared"]
"""`declared`: of a resource that has no object, so that nothing of it can be live."""
STATES: dict[State, str] = {
    "drift": "moved without a commit",
    "not-applied": "declared otherwise, and not applied yet",
    "unknown": "not as declared; nothing records who moved it",
    "missing": "not there",
}
"""What people are told of a value that is not as declared."""


class Written(msgspec.Struct, frozen=True):
    """A line that a value comes from, and the commit that wrote it: None for what nobody wrote."""

    root: Root
    commit: Commit | None


class Blamed(msgspec.Struct, frozen=True, kw_only=True):
    """One live value and the `lines` that made it: none where no commit did, or it cannot be told which.

    `declared` is what the value is to be, where it differs, and `declared_lines` what says so. `last` is the commit
    for which the object was last written.
    """

    host: str
    part: str
    field: str
    live: Value
    state: State
    declared: Value = None
    last: str = ""
    lines: tuple[Written, ...] = ()
    declared_lines: tuple[Written, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the value is as it is declared."""
        return self.state in ("as-declared", "declared")


def state_of(change: FieldChange | None) -> State:
    """How a live field stands to what is declared."""
    if change is None:
        return "as-declared"
    return "not-applied" if change.origin == "commit" else change.origin


def blame_lines(address: Address, values: list[Blamed]) -> list[Line]:
    """For people."""
    lines: list[Line] = []
    where: tuple[str, str] | None = None
    for value in values:
        if where != (value.host, value.part):
            where = (value.host, value.part)
            part = f"#{value.part}" if value.part else ""
            lines.append(line(Span(f"{address}{part}" + (f" on {value.host}" if value.host else ""), "bold")))
        lines += indented(_value_lines(value), 2)
    return lines


def _value_lines(value: Blamed) -> list[Line]:
    shown = "" if value.state == "declared" else f"  {render(value.field, value.live)}"
    lines = [line(Span(value.field, "bold"), shown), *indented(map(_written_line, value.lines), 2)]
    if not value.agrees:
        untold = value.state == "not-applied" and not value.lines and value.last
        words = (
            f" (it is of an earlier commit; the object was last written for {value.last[:_SHORT]})" if untold else ""
        )
        declared = f"; declared: {render(value.field, value.declared)}"
        lines += indented([line(Span(STATES[value.state], "yellow"), words, declared)], 2)
        lines += indented(map(_written_line, value.declared_lines), 4)
    return lines


def _written_line(one: Written) -> Line:
    root, commit = one.root, one.commit
    what = f"{root.resource.address} {root.path}"
    if commit is None:
        return line(Span(f"default; nobody wrote {what}", "dim"))
    place = root.resource.place_of(root.path)
    derived = " (worked out from it)" if root.how == "derived" else ""
    return line(
        f"{place.path}:{place.line}  {what}{derived}  ",
        Span(f"{commit.id[:_SHORT]}  {commit.time[:10]}  {commit.author}: {commit.subject}", "dim"),
    )


def blame_value(plan: Plan, address: Address, values: list[Blamed]) -> dict[str, Any]:
    """For programs."""
    return {
        "formatVersion": FORMAT_VERSION,
        "fleet": plan.fleet,
        "fleetId": plan.fleet_id,
        "source": source_value(plan.source),
        "address": str(address),
        "values": [_blamed_value(value) for value in values],
    }


def _blamed_value(value: Blamed) -> dict[str, Any]:
    return {
        "host": value.host or None,
        "part": value.part,
        "field": value.field,
        "value": plain_value(value.field, value.live),
        "state": value.state,
        "declared": plain_value(value.field, value.live if value.agrees else value.declared),
        "objectCommit": value.last or None,
        "lines": [_written_value(one) for one in value.lines],
        "declaredLines": [_written_value(one) for one in value.declared_lines],
    }


def _written_value(one: Written) -> dict[str, Any]:
    root = one.root
    place = root.resource.place_of(root.path) if one.commit else None
    return {
        "how": root.how,
        "address": str(root.resource.address),
        "path": root.path,
        "file": place.path if place else None,
        "line": place.line if place else None,
        **(commit_value(one.commit) if one.commit else {"commit": None}),
    }
