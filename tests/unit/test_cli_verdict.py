"""Exit codes: the worst that is true decides."""

from __future__ import annotations

import pytest

from reconciler.address import Address, ObjectKey
from reconciler.cli.exits import Exit
from reconciler.diagnostic import Diagnostic, error
from reconciler.impact import Impact
from reconciler.plan import Change, Consent, Granted, Outcome, Plan, Refused, Source, Waiting
from reconciler.report import verdict

KEY = ObjectKey("kvm-01", Address("Instance", "shop", "web-1"))
DONE = Outcome(step="a", status="succeeded")
FAILED = Outcome(step="b", status="failed", error="no")
RACED = Outcome(step="c", status="failed", error="moved", race=True)
LEFT = Outcome(step="d", status="not-run")


def make_plan(*consents: Consent, partial: bool = False, diagnostics: tuple[Diagnostic, ...] = ()) -> Plan:
    changes = tuple(Change(key=KEY, action="update", impact=Impact.LIVE, consent=consent) for consent in consents)
    return Plan(fleet="acme", fleet_id="", source=Source(), changes=changes, partial=partial, diagnostics=diagnostics)


@pytest.mark.parametrize(
    ("plan", "detailed", "code", "reason"),
    [
        (make_plan(), True, Exit.OK, "nothing to do"),
        (make_plan(Granted()), False, Exit.OK, "changes are no failure"),
        (make_plan(Granted()), True, Exit.CHANGES, "asked for"),
        (make_plan(Waiting("x")), False, Exit.OK, "waiting is no failure"),
        (make_plan(Waiting("x")), True, Exit.CHANGES, "asked for"),
        (make_plan(Granted(), Refused("x")), True, Exit.REFUSED, "a refusal is worse than a change"),
        (make_plan(Refused("x"), partial=True), True, Exit.ERROR, "what was not seen is worse than a refusal"),
        (make_plan(diagnostics=(error("a", "b"),)), False, Exit.ERROR, "an error"),
    ],
)
def test_a_plan_has_the_exit_code_of_the_worst_in_it(plan: Plan, detailed: bool, code: Exit, reason: str) -> None:
    assert verdict.of_plan(plan, detailed=detailed) == code, reason


@pytest.mark.parametrize(
    ("outcomes", "interrupted", "code", "reason"),
    [
        ([DONE], False, Exit.OK, "all is done"),
        ([DONE], True, Exit.OK, "the interruption came too late to leave anything out"),
        ([DONE, LEFT], True, Exit.INTERRUPTED, "something was left out"),
        ([DONE, FAILED], True, Exit.INTERRUPTED, "a guest was waited for no longer"),
        ([DONE, FAILED], False, Exit.ERROR, "a failure"),
        ([DONE, RACED], False, Exit.STALE, "all that failed had moved"),
        ([FAILED, RACED], False, Exit.ERROR, "a failure is worse"),
    ],
)
def test_a_run_has_the_exit_code_of_the_worst_in_it(
    outcomes: list[Outcome], interrupted: bool, code: Exit, reason: str
) -> None:
    found = verdict.of_outcomes(make_plan(), outcomes, detailed=False, interrupted=interrupted)
    assert found == code, reason
