"""Taking steps out of a plan that may not be done now, and those that depend on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from graphlib import TopologicalSorter

import msgspec

from reconciler.address import Address
from reconciler.plan import Plan, Step

Why = Callable[[Step], str]
"""Why a step may not be done now; empty when it may."""


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without some of its steps. `reasons` says per address why its steps were taken out."""

    plan: Plan
    reasons: dict[Address, str]


def withhold(plan: Plan, why: Why) -> Withheld:
    """The plan without the steps that may not be done, nor those that come after them.

    It is then no longer one for all that is desired: its commit does not count as applied when it is carried out.
    """
    out: dict[str, str] = {}
    for step in in_order(plan):
        blocker = next((need for need in step.after if need in out), "")
        reason = why(step) or (f"it depends on what is left alone: {out[blocker]}" if blocker else "")
        if reason:
            out[step.id] = reason
    if not out:
        return Withheld(plan=plan, reasons={})
    kept = tuple(step for step in plan.steps if step.id not in out)
    reasons = {step.key.address: out[step.id] for step in reversed(plan.steps) if step.id in out}
    extent = "targeted" if plan.extent == "whole" else plan.extent
    return Withheld(plan=msgspec.structs.replace(plan, steps=kept, extent=extent), reasons=reasons)


def narrowed(plan: Plan, targets: Collection[Address]) -> Plan:
    """The plan for some resources only: their steps, and those that these come after, and what is said of these.

    It is decided with everything that it depends on all the same: what a security group lists follows from instances
    that nobody named. What is counted, seen or told of the fleet as a whole is no matter of theirs.
    """
    steps = {step.id: step for step in plan.steps}
    kept: set[str] = set()
    ahead = [step.id for step in plan.steps if step.key.address in targets]
    while ahead:
        name = ahead.pop()
        if name not in kept:
            kept.add(name)
            ahead.extend(steps[name].after)
    about = {steps[name].key.address for name in kept} | set(targets)
    return Plan(
        fleet=plan.fleet,
        fleet_id=plan.fleet_id,
        source=plan.source,
        steps=tuple(step for step in plan.steps if step.id in kept),
        changes=tuple(change for change in plan.changes if change.key.address in about),
        held=_about(plan.held, about),
        left_down=_about(plan.left_down, about),
        partial=plan.partial,
        extent="targeted",
    )


def _about(told: Mapping[str, str], addresses: Collection[Address]) -> dict[str, str]:
    names = set(map(str, addresses))
    return {name: line for name, line in told.items() if name in names}


def in_order(plan: Plan) -> list[Step]:
    """Each step after those that it waits for."""
    steps = {step.id: step for step in plan.steps}
    return [steps[name] for name in TopologicalSorter({step.id: step.after for step in plan.steps}).static_order()]
