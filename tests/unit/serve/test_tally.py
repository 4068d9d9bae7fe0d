"""Rounds that go on with one commit, and the one summary of them."""

from __future__ import annotations

import msgspec

from reconciler.plan import Outcome, Plan, Source, Step
from reconciler.report.outcome import summary_words
from reconciler.serve.telling.tally import Tally
from tests.support.memory_driver import plan, step


def run(*steps: Step, commit: str = "c") -> Plan:
    return msgspec.structs.replace(plan(*steps), source=Source(commit=commit))


def done(*steps: Step) -> list[Outcome]:
    return [Outcome(step=each.id, status="succeeded") for each in steps]


def test_what_was_put_off_is_counted_once_with_what_was_done_last() -> None:
    tally, db, web = Tally(), step("db"), step("web")
    tally.put_off(run(db), done(db))
    assert summary_words(*tally.summed(run(web), done(web))) == "Applied: 2 created; nothing failed."
    assert tally.summed(run(), []) == (run(), [])


def test_a_guest_that_was_started_and_is_not_ready_after_all_is_counted_once() -> None:
    tally, db = Tally(), step("db")
    tally.put_off(run(db), done(db))
    late = msgspec.structs.replace(db, id="ready db")
    outcome = Outcome(step=late.id, status="failed", unready=True)
    assert summary_words(*tally.summed(run(late), [outcome])) == "Applied: 1 created; 1 not ready."


def test_what_was_done_for_another_commit_is_no_part_of_it() -> None:
    tally, db, web = Tally(), step("db"), step("web")
    tally.put_off(run(db), done(db))
    assert summary_words(*tally.summed(run(web, commit="d"), done(web))) == "Applied: 1 created; nothing failed."
