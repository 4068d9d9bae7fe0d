"""Plans are about objects, people about resources: what happens alike on several hosts is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.plan import Change, Plan, Refused, Waiting


class Group(msgspec.Struct, frozen=True):
    """Changes that differ in their host only."""

    change: Change
    hosts: tuple[str, ...]

    @property
    def address(self) -> Address:
        """The resource."""
        return self.change.key.address


def group(changes: Iterable[Change]) -> list[Group]:
    """Changes by resource, in the order of their first object."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        nowhere = msgspec.structs.replace(change, key=ObjectKey("", change.key.address, change.key.part))
        groups.setdefault(msgspec.structs.astuple(nowhere), []).append(change)
    return [Group(alike[0], tuple(sorted(change.key.host for change in alike))) for alike in groups.values()]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of objects. Those that wait or are refused are counted in their action too."""

    create: int
    update: int
    replace: int
    delete: int
    unchanged: int
    waiting: int
    refused: int
    partial: bool


def summarise(plan: Plan) -> Summary:
    """What a plan amounts to."""
    actions = Counter(change.action for change in plan.changes)
    consents = Counter(type(change.consent) for change in plan.changes)
    return Summary(
        create=actions["create"],
        update=actions["update"],
        replace=actions["replace"],
        delete=actions["delete"],
        unchanged=plan.unchanged,
        waiting=consents[Waiting],
        refused=consents[Refused],
        partial=plan.partial,
    )


def carried_out(plan: Plan) -> int:
    """How many of the changes apply would carry out, wholly or in part."""
    touched = {step.key for step in plan.steps}
    return sum(change.key in touched for change in plan.changes)
