"""What became of a plan: the outcome of every step, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconciler.plan import Outcome, Plan, Step
from reconciler.report.line import Line, Span, indented, line, paragraphs

PAST = {"create": "created", "update": "updated", "delete": "deleted"}
DOING = {"create": "creating", "update": "updating", "delete": "deleting"}


def step_words(step: Step) -> str:
    """What a step is about: `Instance/shop/web-1 on kvm-01`."""
    part = f"#{step.key.part}" if step.key.part else ""
    return f"{step.key.address}{part} on {step.key.host}"


def outcome_lines(step: Step, outcome: Outcome, names: dict[str, str]) -> list[Line]:
    """One outcome. `names` says what other steps are about, by id."""
    what = step_words(step)
    if outcome.status == "succeeded":
        return [line(Span(PAST[step.verb], "green"), f" {what}")]
    if outcome.unready:
        head = line(Span("not ready", "bold red"), f", though {PAST[step.verb]}: {what}")
        return [head, *indented(paragraphs(outcome.error), 2)]
    if outcome.status == "failed":
        head = line(Span("failed", "bold red"), f" to {step.verb} {what}")
        return [head, *indented(paragraphs(outcome.error), 2)]
    if outcome.status == "skipped":
        blocker = names.get(outcome.blocked_by, outcome.blocked_by)
        return [line(Span("skipped", "yellow"), f" {what}, blocked by {blocker}")]
    return [line(Span("not run", "yellow"), f" {what}")]


def names_of(plan: Plan) -> dict[str, str]:
    """What each step is about, by id."""
    return {step.id: step_words(step) for step in plan.steps}


def outcomes_lines(plan: Plan, outcomes: Sequence[Outcome]) -> list[Line]:
    """What did not succeed, and a last line that counts everything."""
    steps = {step.id: step for step in plan.steps}
    names = names_of(plan)
    troubled = [outcome for outcome in outcomes if outcome.status != "succeeded"]
    lines = [one for outcome in troubled for one in outcome_lines(steps[outcome.step], outcome, names)]
    return [*lines, line(summary_words(plan, outcomes))]


def summary_words(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """`Applied: 3 created, 1 deleted; 1 failed, 2 skipped.`"""
    verbs = {step.id: step.verb for step in plan.steps}
    statuses = Counter[str]("unready" if outcome.unready else outcome.status for outcome in outcomes)
    done = Counter[str](verbs[each.step] for each in outcomes if each.status == "succeeded" or each.unready)
    nothing = "no step finished" if statuses["failed"] else "nothing done"  # one that failed may have done some of it
    good = ", ".join(f"{done[verb]} {word}" for verb, word in PAST.items() if done[verb]) or nothing
    words = {"unready": "not ready", "failed": "failed", "skipped": "skipped", "not-run": "not run"}
    bad = ", ".join(f"{statuses[status]} {word}" for status, word in words.items() if statuses[status])
    return f"Applied: {good}; {bad}." if bad else f"Applied: {good}; nothing failed."


def outcomes_value(plan: Plan, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The outcomes, ready for JSON."""
    steps = {step.id: step for step in plan.steps}
    return [
        {
            "step": outcome.step,
            "verb": steps[outcome.step].verb,
            "address": str(steps[outcome.step].key.address),
            "host": steps[outcome.step].key.host,
            "status": outcome.status,
            "error": outcome.error,
            "blockedBy": outcome.blocked_by or None,
            "race": outcome.race,
            "unready": outcome.unready,
        }
        for outcome in outcomes
    ]
