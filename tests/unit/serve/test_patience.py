"""What may not be done now, and why; what is learnt from a run."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.plan import Outcome
from reconciler.serve.patience import LONGEST_AWAY, Patience, suspension
from reconciler.serve.patience.backoff import FIRST
from reconciler.serve.patience.contention import MOST
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Suspension
from tests.support.memory_driver import plan, step

WEB = step("web-1", verb="update")
DONE = Outcome(step="web-1", status="succeeded")
FAILED = Outcome(step="web-1", status="failed", error="no")
RACED = Outcome(step="web-1", status="failed", error="moved", race=True)


@pytest.fixture
def patience() -> Patience:
    return Patience(Journal())


def learn(patience: Patience, *outcomes: Outcome, settled: bool = False, now: float = 0.0) -> None:
    for outcome in outcomes:
        patience.learn(plan(WEB), [outcome], settled, now)


def test_what_failed_waits_and_is_tried_again(patience: Patience) -> None:
    learn(patience, FAILED)
    assert "tried again" in patience.why_not(WEB, 0.0)
    assert patience.why_not(step("web-2"), 0.0) == ""
    assert patience.why_not(WEB, 1000.0) == ""


def test_what_raced_is_looked_at_again_at_once_and_waits_the_second_time(patience: Patience) -> None:
    learn(patience, RACED)
    assert patience.why_not(WEB, 0.0) == ""
    learn(patience, RACED)
    assert "tried again" in patience.why_not(WEB, 0.0)


def test_another_commit_is_tried_at_once(patience: Patience) -> None:
    learn(patience, FAILED)
    patience.backoff.failed("Host/kvm-01", 0.0)
    patience.anew()
    assert patience.why_not(WEB, 0.0) == ""
    assert patience.backoff.all == ["Host/kvm-01"], "a host is not better for another commit"


@given(st.integers(1, 50))
def test_a_host_that_is_away_is_asked_again_within_a_minute_however_often_it_failed(failures: int) -> None:
    patience = Patience(Journal())
    for _ in range(failures):
        patience.host_failed("kvm-01", 0.0)
    patience.learn(plan(WEB), [FAILED], False, 0.0)
    ((name, due),) = patience.hosts_away(0.0).items()
    assert (name, FIRST <= due <= LONGEST_AWAY) == ("kvm-01", True)
    assert patience.hosts_away(due) == {}, "it is being asked"


def test_the_work_of_a_new_commit_is_no_fight(patience: Patience) -> None:
    learn(patience, *[DONE] * (MOST + 1), settled=False)
    assert patience.contended == []


def test_putting_something_back_again_and_again_is_one(patience: Patience) -> None:
    learn(patience, *[DONE] * (MOST + 1), settled=True)
    assert patience.contended == [WEB.key.address]
    assert f"reconciler resume {WEB.key.address}" in patience.why_not(WEB, 0.0)
    assert patience.resume(WEB.key.address)
    assert patience.why_not(WEB, 0.0) == ""


def test_edits_of_different_fields_are_put_back_and_no_fight(patience: Patience) -> None:
    for n in range(MOST + 1):
        edited = msgspec.structs.replace(WEB, paths=(f"field {n}",))
        patience.learn(plan(edited), [DONE], True, float(n))
    assert patience.contended == []


def test_what_works_at_last_after_failures_was_not_undone_by_anybody(patience: Patience) -> None:
    for _ in range(MOST + 1):
        learn(patience, FAILED, DONE, settled=True)
    assert patience.contended == []


def test_suspensions_that_cannot_be_read_hold_everything_back(patience: Patience) -> None:
    patience.unreadable = "it is damaged"
    assert "resume fleet" in patience.why_not(WEB, 0.0)


def test_a_suspension_is_told_before_a_failure(patience: Patience) -> None:
    learn(patience, FAILED)
    patience.suspensions = (Suspension(what="fleet", by="ann", time="now", reason="racks"),)
    assert "racks" in patience.why_not(WEB, 0.0)


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("Instance/shop/wbe-1", " Did you mean `Instance/shop/web-1`?"),
        ("Instance/default/web-1", " Did you mean `Instance/shop/web-1`?"),
        ("Instance/shop/nothere", ""),
        ("Project/shpo", " Did you mean `Project/shop`?"),
        ("Host/shop", ""),
    ],
)
def test_a_name_that_nothing_has_is_told_with_the_one_that_was_meant(mistyped: str, meant: str) -> None:
    known = [
        Address("Instance", "shop", "web-1"),
        Address("Instance", "shop", "web-2"),
        Address("Host", None, "kvm-01"),
    ]
    assert suspension.unknown(mistyped, known) == f"there is no {mistyped}, so that nothing would be left alone.{meant}"
    assert suspension.unknown("Project/shop", known) == ""
