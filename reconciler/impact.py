"""How a change reaches a running object: the vocabulary, and the tables in which drivers declare it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from fnmatch import fnmatchcase

import msgspec

from reconciler.objects import Value


class Impact(enum.StrEnum):
    """From harmless to impossible; `rank` orders them."""

    NONE = "none"
    LIVE = "live"
    INTERRUPT = "interrupt"
    MIGRATE = "migrate"
    RESTART = "restart"
    REBUILD = "rebuild"
    REPLACE = "replace"
    REFUSED = "refused"

    @property
    def rank(self) -> int:
        """Position in the order of harm."""
        return _RANKS[self]

    @property
    def needs_consent(self) -> bool:
        """`none` and `live` need no consent; all that a guest's user would notice does."""
        return self.rank > Impact.LIVE.rank


_RANKS = {impact: rank for rank, impact in enumerate(Impact)}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a driver's impact table.

    `path` is a pattern (`nics.*.address`). `when` names a condition of `CONDITIONS`; the first row that matches
    kind, path and condition decides. `call` is the hypervisor call that carries the change out; `reason` is told to
    people.
    """

    kind: str
    path: str
    impact: Impact
    when: str = "always"
    call: str = ""
    reason: str = ""


ImpactTable = tuple[Row, ...]


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a row's condition may look at: one field of one object. `present`: the object showed the field, if only to
    say that it holds nothing (no user data is something else than no seed). `most` is how far a running object can be
    raised in place: what its running form shows as `<path>.max`.
    """

    before: Value
    after: Value
    running: bool
    attached: bool
    present: bool = True
    most: Value = None


def _grows(situation: Situation) -> bool:
    before, after = situation.before, situation.after
    return isinstance(before, int) and isinstance(after, int) and after > before


def _shrinks(situation: Situation) -> bool:
    before, after = situation.before, situation.after
    return isinstance(before, int) and isinstance(after, int) and after < before


def _headroom(situation: Situation) -> bool:
    after, most = situation.after, situation.most
    within = isinstance(after, int) and isinstance(most, int) and after <= most
    return situation.running and _grows(situation) and within


CONDITIONS: dict[str, Callable[[Situation], bool]] = {
    "always": lambda situation: True,
    "running": lambda situation: situation.running,
    "stopped": lambda situation: not situation.running,
    "attached": lambda situation: situation.attached,
    "grows": _grows,
    "shrinks": _shrinks,
    "headroom": _headroom,
    "absent": lambda situation: not situation.present,
    "empty": lambda situation: situation.present and situation.before is None,
}
"""`attached`: some observed object needs this one. `absent`: the object did not show the field; `empty`: it did, and
there is nothing in it. `headroom`: it runs, and grows within the maximum that it was started with, so that `vcpus` and
`memory` can grow live.
"""


def find_row(table: ImpactTable, kind: str, path: str, situation: Situation) -> Row | None:
    """The row that decides, or None when the driver does not declare the field (the change is then refused)."""
    for row in table:
        if row.kind == kind and fnmatchcase(path, row.path) and CONDITIONS[row.when](situation):
            return row
    return None


UNSEEN = frozenset({"running", "stopped", "headroom"})
"""Conditions that only a look at the guest can tell: whether it runs, and with what room it was started."""


def possible_rows(table: ImpactTable, kind: str, path: str, situation: Situation) -> list[Row]:
    """The rows that may decide when nobody looked at an object that is taken to run: all whose condition may hold, up
    to the first that holds in any case; one per impact.
    """
    found: dict[Impact, Row] = {}
    for row in table:
        if row.kind != kind or not fnmatchcase(path, row.path):
            continue
        if row.when in ("running", "stopped") or CONDITIONS[row.when](situation):
            found.setdefault(row.impact, row)
        if row.when not in UNSEEN and CONDITIONS[row.when](situation):
            break
    return list(found.values())


def evaluate(table: ImpactTable, kind: str, path: str, situation: Situation) -> tuple[Impact, str]:
    """How a change of one field would reach its object, and why; what no row declares is refused."""
    row = find_row(table, kind, path, situation)
    if row is None:
        return Impact.REFUSED, "the host's driver does not know how to change it"
    return row.impact, row.reason
