"""Planning: desired and observed in, one plan out. Pure, and decided once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.addressing import addressing
from reconciler.desired import Desired
from reconciler.diff import Case, diff, pairs
from reconciler.guard import Allow, Circumstances, guard
from reconciler.guard.restart import is_left_down, noted, without_start
from reconciler.impact import ImpactTable
from reconciler.kinds.base import REGISTRY, World
from reconciler.kinds.fleet import DeletionBudget
from reconciler.objects import Observed, Wanted
from reconciler.observation import Snapshot
from reconciler.placement import NONE_BARRED, Barred, Placement, placement
from reconciler.plan import Change, Plan, Source
from reconciler.planning.basis import basis
from reconciler.planning.effect import will_stand
from reconciler.planning.holding import holding, lines
from reconciler.planning.left_down import left_lines, left_notes
from reconciler.planning.membership import with_unseen
from reconciler.planning.notes import notes
from reconciler.planning.scope import Scope
from reconciler.planning.steps import steps
from reconciler.planning.strangers import staying, strangers
from reconciler.realise import members, realise, with_members, world
from reconciler.snapshots import Snapshots, identity

GROUPS = frozenset({"SecurityGroup"})
"""Realised last: they list the addresses of instances as those will be once the granted changes are made."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and by host how many objects are as wanted."""

    plan: Plan
    unchanged: Mapping[str, int]


def planned(
    desired: Desired,
    snapshots: Sequence[Snapshot],
    impacts: Mapping[str, ImpactTable],
    source: Source,
    allow: Allow = Allow(),
    targets: frozenset[Address] = frozenset(),
    undeclared: Sequence[str] = (),
    bounds: DeletionBudget | None = None,
    barred: Barred = NONE_BARRED,
) -> Planned:
    """What closes the difference, with the leave that is given, and what stays as it is.

    `impacts` has the impact table of each host's driver. `targets` restrict the plan to these resources and what
    they need. `undeclared` are hosts of the fleet that nobody looked at. `bounds` is the deletion budget, where it is
    not that of `desired`. Projects make nothing new on hosts that they are `barred` from. On hosts that were not
    completely seen, or are in maintenance, nothing is planned.
    """
    seen = Snapshots(snapshots)
    placed = placement(desired, seen, undeclared, barred)
    settled = addressing(desired, placed, seen)
    left = holding(desired, placed, settled, seen)
    scope = Scope(desired, seen, frozenset(left.held), targets)
    own = desired.fleet.spec.deletion_budget if desired.fleet else DeletionBudget()
    around = _circumstances(seen, allow, bounds or own, scope, placed)
    decision = _Decision(world(desired, placed, settled), seen, impacts, scope, around)
    made = steps(decision.cases, seen)
    known = [*placed.diagnostics, *settled.diagnostics, *left.diagnostics]
    plan = Plan(
        fleet=desired.name,
        fleet_id=desired.fleet_id,
        source=source,
        basis=basis(made, decision.cases, seen),
        changes=tuple(
            _shown(case, seen, decision.left_down) for case in sorted(decision.cases.values(), key=_by_address)
        ),
        steps=made,
        unchanged=decision.unchanged.total(),
        retained=decision.retained,
        held=lines(left.held, placed, scope.unseen),
        partial=bool(scope.unseen),
        extent="targeted" if targets else "whole",
        left_down=left_lines(decision.left_down.values()),
        diagnostics=notes([*known, *left_notes(decision.left_down.values())], placed, decision.cases, scope, around),
    )
    return Planned(plan=plan, unchanged=decision.unchanged)


def _circumstances(
    seen: Snapshots, allow: Allow, bounds: DeletionBudget, scope: Scope, placed: Placement
) -> Circumstances:
    return Circumstances(
        snapshots=seen,
        allow=allow,
        bounds=bounds,
        declared=scope.declared,
        unsure=placed.unsure,
        cramped=placed.cramped,
    )


class _Decision:
    """Two passes: the groups of the second one have those members that the first one leads to."""

    def __init__(
        self, world: World, seen: Snapshots, impacts: Mapping[str, ImpactTable], scope: Scope, around: Circumstances
    ) -> None:
        self._seen, self._impacts, self._scope, self._around = seen, impacts, scope, around
        others = [each for each in realise(world, scope.held) if each.key.address.kind not in GROUPS]
        wanted = [each.fields for each in others if each.key.address.kind == "Instance"]
        provisional = members(wanted), strangers(wanted, world, staying(seen, {}))
        self._decide([*others, *realise(with_members(world, *provisional), scope.held, GROUPS)])
        standing = list(will_stand(others, seen, self.cases, "Instance"))
        networks = staying(seen, self.cases)
        final = with_unseen(members(standing), world, seen), strangers(standing, world, networks)
        if final != provisional:
            self._decide([*others, *realise(with_members(world, *final), scope.held, GROUPS)])

    def _decide(self, wanted: list[Wanted]) -> None:
        both = list(pairs(wanted, self._seen, self._scope.hosts, self._scope.held_origins))
        both = [pair for pair in both if self._scope.includes(pair)]
        unwanted = {identity(each): each for wanted, each in both if wanted is None and each is not None}
        left = _retained(unwanted)
        self.retained = tuple(sorted(unwanted[key].key for key in left))
        both = [pair for pair in both if pair[0] is not None or (pair[1] and identity(pair[1]) not in left)]
        both = [noted(pair, self._around.allow) for pair in both]
        cases = diff(both, self._impacts, self._seen, self._around.declared)
        judged = guard(cases, self._around)
        self.left_down = {key: case for key, case in judged.items() if is_left_down(case, self._around.allow)}
        rest = {key for key, case in self.left_down.items() if len(case.change.fields) == 1}
        self.cases = {key: case for key, case in judged.items() if key not in rest}
        self.unchanged = Counter(each.key.host for each, _ in both if each is not None)
        self.unchanged.subtract(case.wanted.key.host for case in self.cases.values() if case.wanted is not None)


def _retained(unwanted: Mapping[ObjectKey, Observed]) -> set[ObjectKey]:
    """The objects that stay though nobody declares them, and what they use."""
    found: set[ObjectKey] = set()
    ahead = [key for key, each in unwanted.items() if REGISTRY[each.key.address.kind].retained(each)]
    while ahead:
        key = ahead.pop()
        if key in unwanted and key not in found:
            found.add(key)
            ahead.extend(unwanted[key].needs)
    return found


def _by_address(case: Case) -> tuple[Address, str, str]:
    key = case.change.key
    return key.address, key.part, key.host


def _shown(case: Case, seen: Snapshots, left_down: Container[ObjectKey]) -> Change:
    """The change as people see it: also with whom it disturbs, and without what is left as it is."""
    change = without_start(case.change) if case.identity in left_down else case.change
    if not change.impact.needs_consent or change.key.address.kind == "Instance":
        return change
    users = {user.key.address for user in seen.users(case.identity)} - {change.key.address}
    return msgspec.structs.replace(change, disturbs=tuple(sorted(users)))
