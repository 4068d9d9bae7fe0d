"""What may be done: every change is granted, waits for consent, or is refused, and none holds up another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.diff import Case
from reconciler.guard.allow import Allow, parse_allow
from reconciler.guard.consent import consent
from reconciler.guard.deletion import Budget, kept, protection
from reconciler.guard.given import told
from reconciler.guard.handing import handed_on
from reconciler.guard.hosts import enforcement, foreign, room
from reconciler.guard.leftovers import leftovers, lost, named_volumes
from reconciler.guard.needs import dependents, prunes, without_used
from reconciler.guard.restart import withheld
from reconciler.kinds.fleet import DeletionBudget
from reconciler.snapshots import Snapshots

__all__ = ["Allow", "Circumstances", "guard", "parse_allow"]


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What verdicts depend on beside the change itself. `declared` are the origins of all resources; `unsure` has the
    unseen hosts on which something new may stand already; `cramped` says by field why something has no room to grow.
    """

    snapshots: Snapshots
    allow: Allow
    bounds: DeletionBudget
    declared: Collection[Address]
    unsure: Mapping[Address, tuple[str, ...]]
    cramped: Mapping[Address, Mapping[str, str]] = {}


def guard(cases: Iterable[Case], around: Circumstances) -> dict[ObjectKey, Case]:
    """Verdicts on all cases: each by itself, then the number of deletions, then what follows for others."""
    found = {case.identity: case for case in cases}
    made = any(key.address.kind == "Volume" and case.change.action == "create" for key, case in found.items())
    named = named_volumes(around.snapshots) if made else frozenset()
    alone = {key: lost(_alone(case, around), around.allow, named) for key, case in found.items()}
    judged = without_used(alone, around.snapshots)
    budget = Budget(judged, around.snapshots, around.allow, around.bounds, around.declared)
    judged = {key: budget.judge(case) for key, case in judged.items()}
    judged = dependents(judged, around.snapshots)
    handed = handed_on(judged, around.snapshots)
    if handed != judged:
        handed = dependents(handed, around.snapshots)
    judged = prunes(handed, around.snapshots)
    return {key: told(case, around.allow) for key, case in judged.items()} if around.allow.given else judged


def _alone(case: Case, around: Circumstances) -> Case:
    case = withheld(consent(case, around.allow, around.unsure), around.allow)
    case = leftovers(case, around.allow)
    case = room(case, around.cramped)
    case = foreign(case, around.snapshots)
    case = enforcement(case, around.snapshots)
    return protection(kept(case), around.allow)
