"""What failed is tried again ever more rarely, and at once again when it worked; all in make-believe time."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from reconciler.serve.patience.backoff import FIRST, LONGEST, Backoff

MINUTE = 60.0


def tries(backoff: Backoff[str], seconds: float) -> list[float]:
    """When something that always fails is tried, as often as it may be."""
    now, found = 0.0, []
    while now < seconds:
        found.append(now)
        now = backoff.failed("web-1", now)
    return found


@given(st.integers())
def test_what_always_fails_is_tried_a_few_times_in_the_first_minute_and_hardly_later(seed: int) -> None:
    found = tries(Backoff[str](random.Random(seed).random), 60 * MINUTE)
    assert len([each for each in found if each < MINUTE]) <= 30
    assert max(found[n + 1] - found[n] for n in range(len(found) - 1)) <= LONGEST


def test_over_an_hour_that_is_a_try_in_minutes_on_average() -> None:
    counts = [len(tries(Backoff[str](random.Random(seed).random), 60 * MINUTE)) for seed in range(50)]
    assert sum(counts) / len(counts) < 45


@given(st.floats(0, 1), st.integers(1, 200))
def test_a_pause_is_never_shorter_than_the_first_nor_longer_than_the_longest(chance: float, failures: int) -> None:
    backoff = Backoff[str](lambda: chance)
    due = [backoff.failed("web-1", 0.0) for _ in range(failures)][-1]
    assert FIRST <= due <= LONGEST


def test_many_that_fail_together_are_not_tried_together() -> None:
    backoff = Backoff[int](random.Random(1).random)
    for _ in range(8):
        due = {backoff.failed(each, 0.0) for each in range(100)}
    assert len({round(each) for each in due}) > 50


def test_success_begins_anew() -> None:
    backoff = Backoff[str](lambda: 1.0)
    for _ in range(9):
        backoff.failed("web-1", 0.0)
    backoff.worked("web-1")
    assert backoff.next() is None
    assert backoff.failed("web-1", 100.0) == 100.0 + 2 * FIRST


def test_one_that_fails_holds_up_no_other() -> None:
    backoff = Backoff[str](lambda: 1.0)
    backoff.failed("web-1", 0.0)
    assert backoff.waiting(0.0) == {"web-1": 2.0}
    assert not backoff.known("web-2")


def test_what_is_due_is_told_until_it_was_tried() -> None:
    backoff = Backoff[str](lambda: 0.0)
    due = backoff.failed("web-1", 0.0)
    assert (backoff.past(due - 0.1), backoff.past(due)) == (set(), {"web-1"})
    assert backoff.next() == due
    assert backoff.waiting(due) == {}


def test_what_is_no_longer_of_interest_is_forgotten() -> None:
    backoff = Backoff[str](lambda: 0.0)
    backoff.failed("web-1", 0.0)
    backoff.failed("web-2", 0.0)
    backoff.keep({"web-2"})
    assert backoff.all == ["web-2"]
