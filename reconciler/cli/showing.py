"""Showing a plan in the format that was asked for."""

from __future__ import annotations

from reconciler.plan import Plan
from reconciler.report.screen import Screen


def show_plan(screen: Screen, plan: Plan, output: str) -> None:
    """Data, on standard output."""
    from reconciler.report.data import dump
    from reconciler.report.plan_json import plan_value
    from reconciler.report.plan_text import plan_lines

    if output == "json":
        screen.show_text(dump(plan_value(plan)))
    else:
        screen.show(plan_lines(plan))
