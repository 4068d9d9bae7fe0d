"""The plan for what an event names, made from no more than that depends on."""

from __future__ import annotations

from collections.abc import Callable, Collection

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.observation import Snapshot
from reconciler.plan import Plan
from reconciler.serve.patience.withholding import narrowed
from reconciler.vicinity import Surroundings

Planner = Callable[[Desired, list[Snapshot]], Plan]
"""How a part of a fleet is planned, and how the whole is: in the same way."""


def plan_about(
    targets: Collection[Address],
    desired: Desired,
    snapshots: list[Snapshot],
    planner: Planner,
    surroundings: Surroundings,
) -> Plan:
    """The plan of the whole, narrowed to the targets; made from their vicinity where that is known to be the same."""
    if vicinity := surroundings.of(desired, snapshots, targets):
        plan = narrowed(planner(vicinity.desired, vicinity.snapshots), targets)
        if vicinity.covers(plan):
            return plan
    return narrowed(planner(desired, snapshots), targets)
