"""What stands once the granted changes are made, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.guard.verdict import granted, ungranted_fields
from reconciler.objects import Fields, Observed, Wanted
from reconciler.snapshots import identity


def merged(case: Case) -> Wanted:
    """The wanted object with what is not granted left as it was observed."""
    assert case.wanted is not None
    kept = {field.path for field in ungranted_fields(case) if field.form == "stored"}
    if not kept:
        return case.wanted
    stored = case.observed.stored if case.observed else {}
    fields = {path: value for path, value in case.wanted.fields.items() if path not in kept}
    fields.update({path: stored[path] for path in kept & stored.keys()})
    return msgspec.structs.replace(case.wanted, fields=fields)


def will_stand(
    wanted: Iterable[Wanted], observed: Iterable[Observed], cases: Mapping[ObjectKey, Case]
) -> Iterator[Fields]:
    """The fields of every object that stands afterwards, those included that nobody wants and nobody may delete."""
    told = set()
    for each in wanted:
        told.add(identity(each))
        case = cases.get(identity(each))
        if case is None:
            yield each.fields
        elif case.change.action != "create":
            yield merged(case).fields
        elif granted(case):
            yield each.fields
    for found in observed:
        case = cases.get(identity(found))
        if identity(found) not in told and not (case and case.change.action == "delete" and granted(case)):
            yield found.stored
