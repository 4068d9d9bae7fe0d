"""Wanted and observed → changes: the pair is the change, and one side missing is a creation or a deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.diff.entries import taken_back, whole_entries
from reconciler.impact import Impact, ImpactTable, Situation, evaluate, possible_rows
from reconciler.kinds.base import REGISTRY
from reconciler.objects import Observed, Value, Wanted, digest
from reconciler.plan import Action, Change, FieldChange, Origin, Possibility
from reconciler.snapshots import Snapshots, identity

WHETHER_IT_RUNS = frozenset({"powerState", "active"})
"""Fields that the stored form alone has: the running form is there or it is not."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One object that is not as wanted: both sides, and the change between them."""

    wanted: Wanted | None
    observed: Observed | None
    change: Change

    @property
    def identity(self) -> ObjectKey:
        """What pairs the two sides."""
        side = self.wanted or self.observed
        assert side is not None
        return identity(side)


Pair = tuple[Wanted | None, Observed | None]


def pairs(
    wanted: Iterable[Wanted], snapshots: Snapshots, hosts: Collection[str], held: Collection[Address]
) -> Iterator[Pair]:
    """Both sides of every object on `hosts`. What is observed of a `held` origin is left out: it stays as it is."""
    paired = set()
    for each in wanted:
        if each.key.host in hosts:
            paired.add(identity(each))
            standing = snapshots.objects.get(identity(each))
            as_made = REGISTRY[each.key.address.kind].as_made
            yield as_made(each, standing) if standing else each, standing
    for key, observed in sorted(snapshots.objects.items()):
        if key not in paired and key.host in hosts and observed.origin not in held:
            yield None, observed


def diff(
    pairs: Iterable[Pair], impacts: Mapping[str, ImpactTable], snapshots: Snapshots, declared: Collection[Address]
) -> Iterator[Case]:
    """The pairs that differ. `declared` are the origins of all resources: it tells a reason for deletions."""
    for wanted, observed in pairs:
        if wanted is None and observed is not None:
            change = _deletion(observed, observed.origin in declared)
            yield Case(wanted=wanted, observed=observed, change=change)
        elif wanted is not None and (observed is None or observed.incomplete):
            change = _creation(wanted, observed, impacts.get(wanted.key.host, ()), snapshots)
            yield Case(wanted=wanted, observed=observed, change=change)
        elif wanted is not None and observed is not None:
            attached = bool(snapshots.users(identity(observed)))
            table = impacts.get(wanted.key.host, ())
            assumed = snapshots.assumed(wanted.key.host)
            fields = whole_entries(tuple(_fields(wanted, observed, table, attached, assumed)))
            fields = tuple(taken_back(field, wanted, snapshots) for field in fields)
            if fields:
                yield Case(wanted=wanted, observed=observed, change=_update(wanted, fields))


def _deletion(observed: Observed, declared: bool) -> Change:
    reason = f"nothing on {observed.key.host} needs it any more" if declared else "no longer declared"
    if observed.incomplete:
        reason += "; only parts of it are there"
    elif observed.key.address.kind == "Volume":
        reason += "; its data is deleted with it"
    return Change(key=observed.key, action="delete", impact=Impact.NONE, reason=reason)


def _creation(wanted: Wanted, observed: Observed | None, table: ImpactTable, snapshots: Snapshots) -> Change:
    left = observed.stored if observed else {}
    fields = tuple(
        taken_back(_made(path, left.get(path), after, wanted.key.address.kind, table), wanted, snapshots)
        for path, after in sorted(wanted.fields.items())
        if after is not None
    )
    how = "only parts of it are there; it is finished" if observed else "declared and not there"
    taken = sorted(
        {f"{field.after} {field.reason}" for field in fields if field.path.startswith("volumes.") and field.reason}
    )
    return Change(
        key=wanted.key,
        action="create",
        impact=max((field.impact for field in fields), key=lambda each: each.rank, default=Impact.NONE),
        fields=fields,
        reason="; ".join([how, *taken]),
        place=wanted.place,
    )


def _made(path: str, left: Value, after: Value, kind: str, table: ImpactTable) -> FieldChange:
    """A field of what is made. A disk that is left over and does not fit is lost to a new one: that is a rebuild."""
    made = FieldChange(path=path, before=left, after=after, impact=Impact.NONE, origin="commit")
    if left in (None, after):
        return made
    situation = Situation(before=left, after=after, running=False, attached=False)
    if evaluate(table, kind, path, situation)[0].rank < Impact.REBUILD.rank:
        return made
    reason = "what is left of it is another, and is made anew; what is on it is lost"
    return msgspec.structs.replace(made, impact=Impact.REBUILD, reason=reason)


def _update(wanted: Wanted, fields: tuple[FieldChange, ...]) -> Change:
    impact = max((field.impact for field in fields), key=lambda each: each.rank)
    replaced = [field.path for field in fields if field.impact is Impact.REPLACE]
    action: Action = "replace" if replaced else "update"
    reason = f"{_listed(replaced)} cannot change in place" if replaced else reason_of(fields)
    return Change(key=wanted.key, action=action, impact=impact, fields=fields, reason=reason, place=wanted.place)


_CAUSES: dict[Origin, str] = {
    "commit": "declared otherwise",
    "drift": "moved without a commit",
    "unknown": "not as declared",
}


def reason_of(fields: tuple[FieldChange, ...]) -> str:
    """Which fields differ, by cause: `vcpus declared otherwise; memory moved without a commit`."""
    clauses = []
    for origin, cause in _CAUSES.items():
        if paths := [field.path for field in fields if field.origin == origin]:
            clauses.append(f"{_listed(paths)} {cause}")
    return "; ".join(clauses)


def _listed(paths: list[str]) -> str:
    return ", ".join(paths) if len(paths) <= 3 else f"{len(paths)} fields"


def _fields(
    wanted: Wanted, observed: Observed, table: ImpactTable, attached: bool, assumed: bool
) -> Iterator[FieldChange]:
    if _alike(wanted, observed):
        yield from _metadata(wanted, observed)
        return
    dropped = {path: None for path in observed.owned if path not in wanted.fields}
    stays = observed.running is not None and wanted.fields.get("powerState") != "Stopped"
    for path, after in sorted({**dropped, **wanted.fields}.items()):
        found = _field(path, after, observed)
        if found is not None and assumed:
            yield _unlooked(found, wanted.key.address.kind, observed, table, stays, attached)
        elif found is not None:
            impact, reason = _impact(found, wanted.key.address.kind, observed, table, stays, attached)
            yield msgspec.structs.replace(found, impact=impact, reason=reason)
    yield from _metadata(wanted, observed)


def _alike(wanted: Wanted, observed: Observed) -> bool:
    """Whether nothing can differ at all, as for nearly every object of nearly every plan; fields need not be looked at
    one by one then.
    """
    fields = wanted.fields
    if not (observed.owned.keys() <= fields.keys() and fields.items() <= observed.stored.items()):
        return False
    if observed.running is None:
        return True
    return {path: fields[path] for path in fields.keys() - WHETHER_IT_RUNS}.items() <= observed.running.items()


def _field(path: str, after: Value, observed: Observed) -> FieldChange | None:
    """The difference in one field, its impact still open. The stored form is told first."""
    stored = observed.stored.get(path)
    if stored != after:
        origin = _stored_origin(path, stored, observed)
        return FieldChange(path=path, before=stored, after=after, impact=Impact.NONE, origin=origin)
    if observed.running is None or path in WHETHER_IT_RUNS or observed.running.get(path) == after:
        return None
    before = observed.running.get(path)
    origin = "drift" if path in observed.owned else "unknown"
    return FieldChange(path=path, before=before, after=after, impact=Impact.NONE, origin=origin, form="running")


def _stored_origin(path: str, before: Value, observed: Observed) -> Origin:
    """Whether the commit or somebody else moved the field: by the digest of what was last applied to it."""
    applied = observed.owned.get(path)
    if applied is not None:
        return "commit" if applied == digest(before) else "drift"
    return "commit" if before is None and observed.owned else "unknown"


def _impact(
    field: FieldChange, kind: str, observed: Observed, table: ImpactTable, stays: bool, attached: bool
) -> tuple[Impact, str]:
    """`stays`: the object runs, and goes on running; one that is to be stopped is changed while it stands."""
    runs = observed.running is not None and field.path not in WHETHER_IT_RUNS
    if field.form == "stored" and runs and (observed.running or {}).get(field.path) == field.after:
        return Impact.NONE, "what runs has it already"
    impact, reason = evaluate(table, kind, field.path, _situation(field, observed, stays, attached))
    if field.form == "running" and not stays:
        return Impact.NONE, "what runs is to be stopped"
    if field.form == "running" and impact.needs_consent:
        return impact, "stored already; what runs takes it up with a " + impact.value
    return impact, reason


def _situation(field: FieldChange, observed: Observed, stays: bool, attached: bool) -> Situation:
    return Situation(
        before=field.before,
        after=field.after,
        running=stays,
        attached=attached,
        present=field.path in observed.stored,
        most=(observed.running or {}).get(f"{field.path}.max"),
    )


def _unlooked(
    field: FieldChange, kind: str, observed: Observed, table: ImpactTable, stays: bool, attached: bool
) -> FieldChange:
    """The field of an object that nobody looked at: only the commit can have moved it. It counts with the worst that
    may be.
    """
    situation = _situation(field, observed, stays, attached)
    rows = possible_rows(table, kind, field.path, situation) if stays else []
    worst = max(rows, key=lambda row: row.impact.rank, default=None)
    impact, reason = (worst.impact, worst.reason) if worst else evaluate(table, kind, field.path, situation)
    possible = tuple(Possibility(row.impact, row.when) for row in rows) if len(rows) > 1 else ()
    return msgspec.structs.replace(
        field, impact=impact, reason=reason, origin="commit", certain=not possible, possible=possible
    )


def _metadata(wanted: Wanted, observed: Observed) -> Iterator[FieldChange]:
    """What stands in the object's own metadata only: whose it is, and what guards it."""
    if wanted.key.address != observed.key.address:
        yield FieldChange(
            path="address",
            before=str(observed.key.address),
            after=str(wanted.key.address),
            impact=Impact.NONE,
            origin="commit",
            reason="renamed; it keeps its identity",
        )
    before, after = tuple(sorted(observed.guards)), tuple(sorted(wanted.guards))
    if before != after:
        yield FieldChange(path="guards", before=before, after=after, impact=Impact.NONE, origin="commit")
