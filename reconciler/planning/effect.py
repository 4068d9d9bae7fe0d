"""What stands once the granted changes are made, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.guard.verdict import granted, ungranted_fields
from reconciler.objects import Fields, Wanted
from reconciler.snapshots import Snapshots, identity


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
    wanted: Iterable[Wanted], seen: Snapshots, cases: Mapping[ObjectKey, Case], kind: str
) -> Iterator[Fields]:
    """The fields of every object of a kind that stands afterwards, those included that nobody wants but that stay.

    On a host that was not completely seen, what is wanted is taken to stand.
    """
    told = set()
    for each in wanted:
        if each.key.address.kind == kind:
            told.add(identity(each))
            yield from _of_wanted(each, seen, cases.get(identity(each)))
    for key, found in seen.objects.items():
        case = cases.get(key)
        if key.address.kind == kind and key not in told and not (case and granted(case)):
            yield found.stored


def _of_wanted(each: Wanted, seen: Snapshots, case: Case | None) -> Iterator[Fields]:
    found = seen.objects.get(identity(each))
    if case is None and found is not None:
        yield found.stored
    elif case is None and each.key.host not in seen.complete:
        yield each.fields
    elif case is not None and case.change.action != "create":
        yield merged(case).fields
    elif case is not None and granted(case):
        yield each.fields
