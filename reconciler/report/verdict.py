"""From a plan and its outcomes to an exit code. The worst that is true decides."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostic import failed
from reconciler.plan import Outcome, Plan, Refused
from reconciler.report.exits import Exit


def of_plan(plan: Plan, *, detailed: bool) -> Exit:
    """A plan that was only shown."""
    if plan.partial or failed(list(plan.diagnostics)):
        return Exit.ERROR
    if any(isinstance(change.consent, Refused) for change in plan.changes):
        return Exit.REFUSED
    return Exit.CHANGES if detailed and plan.changes else Exit.OK


def of_outcomes(plan: Plan, outcomes: Sequence[Outcome], *, detailed: bool, interrupted: bool) -> Exit:
    """A plan that was carried out."""
    if interrupted and any(outcome.status != "succeeded" for outcome in outcomes):
        return Exit.INTERRUPTED
    failures = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failures:
        return Exit.STALE if all(outcome.race for outcome in failures) else Exit.ERROR
    return of_plan(plan, detailed=detailed)
