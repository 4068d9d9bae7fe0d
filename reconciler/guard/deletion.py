"""Deletions: marks on the object that refuse them, and how many one run may make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from reconciler.address import Address, ObjectKey
from reconciler.diff import Case
from reconciler.guard.allow import Allow
from reconciler.guard.verdict import judge_object
from reconciler.kinds.base import REGISTRY
from reconciler.kinds.fleet import DeletionBudget
from reconciler.plan import Refused
from reconciler.snapshots import Snapshots

STANDING = frozenset({"Instance", "Network", "Volume"})
"""Kinds of which a fleet that is not given up has at least one."""

Cases = Mapping[ObjectKey, Case]


def protection(case: Case, allow: Allow) -> Case:
    """The mark is read from the object: one that was lifted in this very commit still holds."""
    marked = case.observed is not None and "protected" in case.observed.guards
    address = case.change.key.address
    if not marked or case.change.action not in ("delete", "replace") or address in allow.deletes:
        return case
    why = (
        "it is protected; declare it with `protected: false`, apply that, and remove it in a later commit, "
        f"or give --allow delete={address}"
    )
    return judge_object(case, Refused(why))


def kept(case: Case) -> Case:
    """What stays when nobody declares it, such as data, is not made anew either."""
    if case.change.action != "replace" or case.observed is None:
        return case
    if not REGISTRY[case.change.key.address.kind].retained(case.observed):
        return case
    why = "its data would be lost; declare another one beside it, and remove this one once that has the data"
    return judge_object(case, Refused(why))


class Budget:
    """How many deletions of each kind one run may make.

    Objects whose resource is still declared do not count (old content of an image, a group that left a host): they
    follow from other changes and can be made anew from what is declared.
    """

    def __init__(
        self, cases: Cases, snapshots: Snapshots, allow: Allow, bounds: DeletionBudget, declared: Collection[Address]
    ) -> None:
        deletions = [case for case in cases.values() if case.change.action == "delete"]
        self._allow, self._bounds = allow, bounds
        self._total = len(deletions)
        self._owned = Counter(each.key.address.kind for each in snapshots.objects.values())
        self._removed = {case.identity for case in deletions if case.identity.address not in declared}
        self._deletes = Counter(
            key.address.kind for key in self._removed if cases[key].change.key.address not in allow.deletes
        )
        self._emptied = bool(deletions) and not any(address.kind in STANDING for address in declared)

    def judge(self, case: Case) -> Case:
        """Refuse a deletion that goes beyond; others pass."""
        if case.identity not in self._removed or case.change.key.address in self._allow.deletes:
            return case
        why = self._excess(case.change.key.address.kind)
        if why is None or self._allow.delete_count == self._total:
            return case
        return judge_object(case, Refused(f"{why}; {self._way_out()}"))

    def _excess(self, kind: str) -> str | None:
        if self._emptied:
            return "nothing that stands on a host is declared any more, and all of it would be deleted"
        deletes, owned = self._deletes[kind], self._owned[kind]
        if deletes <= self._bounds.count or deletes * 100 <= self._bounds.percent * owned:
            return None
        bound = max(self._bounds.count, self._bounds.percent * owned // 100)
        return f"{deletes} of {owned} {kind} objects would be deleted, and the fleet's deletion budget is {bound}"

    def _way_out(self) -> str:
        given = self._allow.delete_count
        told = "" if given is None else f"delete={given} was given and does not match; "
        return f"{told}--allow delete={self._total} allows exactly the deletions of this plan"
