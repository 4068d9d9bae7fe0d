"""What is published of a look at a host: what planning compares or relies on, and nothing else.

`docs/decisions` has the list, field by field. No digest leaves: one of a short text is as good as the text. Where a
digest only serves to compare, the comparison is made here, and its result is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.impact import ImpactTable
from reconciler.kinds.instance.objects import user_data_field
from reconciler.objects import Observed, Value, digest
from reconciler.observation import Failed, Foreign, HostFacts, Partial, Snapshot, Status

UserData = Mapping[Address, Value]
"""By origin, the field `seed.userData` as a commit declares it."""
USER_DATA, POWER = "seed.userData", "powerState"
AS_DECLARED, OTHERWISE = "(as declared)", "(not as declared)"
"""Stand for user data: that of the observation's commit, or another."""
APPLIED, MOVED = "applied", "moved"
"""Stand for the digest of what was last applied to a field: it is that of what is there, or of something else."""
ASKED = "asked"
"""Stands for that of the power state of a guest that is down and was to run: only such a one can be left down."""
SEEN_PARTLY = "not all of it was seen when the observation was published"
NOT_SEEN = "it was not seen when the observation was published"
_TO_RUN = digest("Running")
NOT_ENFORCED = "why is not published; `reconciler doctor` tells it beside the controller"


def user_data(desired: Desired) -> dict[Address, Value]:
    """What a commit declares of it."""
    instances = (each for address, each in desired.resources.items() if address.kind == "Instance")
    return {each.origin: user_data_field(each.spec) for each in instances}


def redacted(snapshot: Snapshot, table: ImpactTable, declared: UserData) -> Snapshot:
    """A host as others may see it."""
    redaction = _Redaction(table, declared)
    return Snapshot(
        host=snapshot.host,
        status=_status(snapshot.status),
        facts=_facts(snapshot.facts) if snapshot.facts else None,
        objects=tuple(sorted(map(redaction.of, snapshot.objects), key=_order)),
        foreign=tuple(sorted({_foreign(each) for each in snapshot.foreign if each.claims}, key=_foreign_order)),
    )


def restored(snapshot: Snapshot, declared: UserData) -> Snapshot:
    """A host that was published, with what its commit declares put back."""
    objects = tuple(_restored(each, declared) for each in snapshot.objects)
    return msgspec.structs.replace(snapshot, objects=objects, assumed=False)


def _order(each: Observed) -> tuple[Address, str]:
    return each.origin, each.key.part


def _status(status: Status) -> Status:
    """Errors name sockets, folders and machines."""
    match status:
        case Partial():
            return Partial((SEEN_PARTLY,))
        case Failed():
            return Failed(NOT_SEEN)
        case _:
            return status


def _facts(facts: HostFacts) -> HostFacts:
    """What is promised of a host; not which version of the hypervisor it has, nor why it cannot enforce."""
    reason = NOT_ENFORCED if facts.enforcement_reason else ""
    return msgspec.structs.replace(facts, version="", virt_types=(), enforcement_reason=reason)


def _foreign(each: Foreign) -> Foreign:
    """What stands in the way of an object of ours. It bears that object's name; why it is not ours is its own."""
    return Foreign(each.what, str(each.claims and each.claims.address), "it bears a name of ours", each.claims)


def _foreign_order(each: Foreign) -> tuple[str, str]:
    return each.what, str(each.claims)


class _Redaction:
    def __init__(self, table: ImpactTable, declared: UserData) -> None:
        self._table, self._declared = table, declared
        self._known: dict[tuple[str, str], bool] = {}

    def of(self, each: Observed) -> Observed:
        """An object as others may see it."""
        return msgspec.structs.replace(
            each,
            uid="",
            commit="",
            stored=self._fields(each, each.stored),
            running=None if each.running is None else self._fields(each, each.running),
            owned={path: self._owned(each, path, known) for path, known in sorted(each.owned.items())},
            needs=tuple(sorted(each.needs)),
        )

    def _fields(self, each: Observed, fields: Mapping[str, Value]) -> dict[str, Value]:
        shown = {path: value for path, value in sorted(fields.items()) if self._planned(each, path)}
        if isinstance(text := shown.get(USER_DATA), str) and not text.startswith("secret:"):
            shown[USER_DATA] = AS_DECLARED if text == self._declared.get(each.origin) else OTHERWISE
        return shown

    def _planned(self, each: Observed, path: str) -> bool:
        """Whether a plan may be about the field: some row of the driver's table says what a change of it does."""
        kind = each.key.address.kind
        if (kind, path) not in self._known:
            patterns = (row.path for row in self._table if row.kind == kind)
            self._known[kind, path] = any(fnmatchcase(path, pattern) for pattern in patterns)
        return self._known[kind, path] or path in each.owned

    def _owned(self, each: Observed, path: str, known: str) -> str:
        if digest(each.stored.get(path)) == known:
            return APPLIED
        return ASKED if (path, known) == (POWER, _TO_RUN) else MOVED


def _restored(each: Observed, declared: UserData) -> Observed:
    stored = _known(each, each.stored, declared)
    owned = {path: _digest(word, stored.get(path)) for path, word in each.owned.items()}
    running = None if each.running is None else _known(each, each.running, declared)
    return msgspec.structs.replace(each, stored=stored, running=running, owned=owned)


def _digest(word: str, there: Value) -> str:
    return {APPLIED: digest(there), ASKED: _TO_RUN}.get(word, MOVED)


def _known(each: Observed, fields: dict[str, Value], declared: UserData) -> dict[str, Value]:
    if fields.get(USER_DATA) != AS_DECLARED:
        return fields
    return fields | {USER_DATA: declared.get(each.origin)}
