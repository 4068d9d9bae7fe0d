"""Carrying a plan out under the eyes of a person: show, ask, apply, tell."""

from __future__ import annotations

import click

from reconciler.cli.exits import Exit
from reconciler.cli.interruption import Interruption
from reconciler.cli.showing import show_plan
from reconciler.diagnostic import Diagnostic
from reconciler.plan import Outcome, Plan
from reconciler.reconcile import Round, apply_round
from reconciler.record import whoever
from reconciler.report import verdict
from reconciler.report.data import dump
from reconciler.report.diagnostics import diagnostic_lines
from reconciler.report.grouping import carried_out
from reconciler.report.line import counted
from reconciler.report.outcome import outcomes_lines, outcomes_value
from reconciler.report.plan_json import plan_value
from reconciler.report.progress import Progress
from reconciler.report.recording import written
from reconciler.report.screen import Screen


def ask_and_apply(round_: Round, screen: Screen, *, asking: bool, detailed: bool, output: str) -> Exit:
    """Show the plan (as JSON it comes with the outcomes), ask if need be, and apply."""
    plan = round_.plan
    if output == "text":
        show_plan(screen, plan, output)
    if asking and plan.steps and not _agreed(plan):
        screen.say("Nothing was done.")
        return Exit.ERROR
    return carry_out(round_, screen, detailed=detailed, output=output)


def carry_out(round_: Round, screen: Screen, *, detailed: bool, output: str) -> Exit:
    """Apply the plan and tell what became of it. It is written down while the hosts are still locked: a controller that
    had another commit in force would undo it in between.
    """
    plan = round_.plan
    unwritten: list[Diagnostic | None] = []

    def close(outcomes: list[Outcome]) -> None:
        unwritten.append(written(round_, outcomes, whoever()))

    with Progress(plan, screen) as progress, Interruption(screen, progress) as interruption:
        outcomes = apply_round(round_, plan, progress, interruption.stop, closing=close)
    screen.acted = bool(outcomes)
    _tell(plan, outcomes, screen, output)
    for told in unwritten:
        if told is not None:
            screen.warn(diagnostic_lines(told))
    return verdict.of_outcomes(plan, outcomes, detailed=detailed, interrupted=interruption.stop.is_set())


def _agreed(plan: Plan) -> bool:
    return click.confirm(f"Carry out {counted(carried_out(plan), 'change')}?", err=True)


def _tell(plan: Plan, outcomes: list[Outcome], screen: Screen, output: str) -> None:
    if output == "json":
        screen.show_text(
            dump({"formatVersion": 1, "plan": plan_value(plan), "outcomes": outcomes_value(plan, outcomes)})
        )
    elif plan.steps:
        screen.show(outcomes_lines(plan, outcomes))
