"""What became of a plan, told step by step and counted."""

from __future__ import annotations

import io

from reconciler.address import Address, ObjectKey
from reconciler.plan import Outcome, Plan, Source, Step
from reconciler.report.line import plain
from reconciler.report.outcome import outcomes_lines, outcomes_value
from reconciler.report.progress import Progress
from reconciler.report.screen import Screen, Stream

NET = Step(id="net", key=ObjectKey("kvm-01", Address("Network", "shop", "lan")), verb="create")
WEB = Step(id="web", key=ObjectKey("kvm-01", Address("Instance", "shop", "web-1")), verb="create", after=("net",))
OLD = Step(id="old", key=ObjectKey("kvm-01", Address("Instance", "shop", "old")), verb="delete")
NEW = Step(id="new", key=ObjectKey("kvm-01", Address("Image", None, "debian"), "0123456789ab"), verb="create")
PLAN = Plan(fleet="acme", fleet_id="", source=Source(), steps=(NET, WEB, OLD, NEW))
OUTCOMES = [
    Outcome(step="net", status="failed", error="the bridge\x1b[2J\nis in use"),
    Outcome(step="web", status="skipped", blocked_by="net"),
    Outcome(step="old", status="succeeded"),
    Outcome(step="new", status="not-run"),
]


def test_failures_skipped_steps_and_their_cause_are_told_and_everything_is_counted() -> None:
    assert plain(outcomes_lines(PLAN, OUTCOMES)) == (
        "failed to create Network/shop/lan on kvm-01\n"
        "  the bridge\\x1b[2J\n"
        "  is in use\n"
        "skipped Instance/shop/web-1 on kvm-01, blocked by Network/shop/lan on kvm-01\n"
        "not run Image/debian#0123456789ab on kvm-01\n"
        "Applied: 1 deleted; 1 failed, 1 skipped, 1 not run.\n"
    )


def test_a_run_without_trouble_is_one_line() -> None:
    outcomes = [Outcome(step=step.id, status="succeeded") for step in PLAN.steps]
    assert plain(outcomes_lines(PLAN, outcomes)) == "Applied: 3 created, 1 deleted; nothing failed.\n"


def test_a_step_that_failed_is_not_said_to_have_done_nothing() -> None:
    last = plain(outcomes_lines(PLAN, OUTCOMES[:2])).splitlines()[-1]
    assert last == "Applied: no step finished; 1 failed, 1 skipped."


def test_a_guest_that_was_made_and_is_not_ready_is_told_as_such() -> None:
    late = Outcome(step="web", status="failed", error="it is not ready (tcp:22): nothing answers", unready=True)
    assert plain(outcomes_lines(PLAN, [OUTCOMES[2], late])) == (
        "not ready, though created: Instance/shop/web-1 on kvm-01\n"
        "  it is not ready (tcp:22): nothing answers\n"
        "Applied: 1 created, 1 deleted; 1 not ready.\n"
    )


def test_programs_learn_what_blocked_a_step() -> None:
    value = outcomes_value(PLAN, OUTCOMES)
    assert value[1] == {
        "step": "web",
        "verb": "create",
        "address": "Instance/shop/web-1",
        "host": "kvm-01",
        "status": "skipped",
        "error": "",
        "blockedBy": "net",
        "race": False,
        "unready": False,
    }


def test_progress_is_a_line_per_step_and_driver_calls_are_for_who_asks() -> None:
    for verbose, calls in ((False, 0), (True, 1)):
        talk = io.StringIO()
        screen = Screen(Stream(io.StringIO(), {}), Stream(talk, {}), verbose=verbose)
        with Progress(PLAN, screen) as progress:
            progress.started(OLD)
            progress.called(OLD, "domain.undefine", "old\x07")
            progress.finished(OLD, OUTCOMES[2])
        assert talk.getvalue().count("call domain.undefine old\\x07") == calls
        assert talk.getvalue().endswith("[1/4] deleted Instance/shop/old on kvm-01\n")
