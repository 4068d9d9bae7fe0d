"""When a branch is looked at next, in virtual time."""

from __future__ import annotations

import random

from reconciler.serve.following.polling import LONGEST, Polling


def looks(polling: Polling, until: float, failing: bool) -> list[float]:
    """When a branch is looked at, from now on."""
    chance, now, found = random.Random(7), 0.0, []
    while now < until:
        polling = polling.after(failed=failing)
        now += polling.pause(chance.random())
        found.append(now)
    return found


def test_a_branch_is_looked_at_a_tenth_around_every_interval() -> None:
    times = looks(Polling(every=60), 3600, failing=False)
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert all(54 <= gap <= 66 for gap in gaps)
    assert len({round(gap, 3) for gap in gaps}) > 10, "all controllers would ask at once"


def test_a_repository_that_cannot_be_had_is_asked_less_and_less_and_never_given_up() -> None:
    times = looks(Polling(every=60), 24 * 3600, failing=True)
    gaps = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert gaps[0] < 67, "the first failure may pass at once"
    assert all(gap <= LONGEST * 1.1 for gap in gaps)
    assert len(times) >= 24 * 3600 / (LONGEST * 1.1)


def test_one_success_makes_it_as_quick_as_before() -> None:
    slow = Polling(every=10)
    for _ in range(100):
        slow = slow.after(failed=True)
    assert slow.pause(0.5) == LONGEST
    assert slow.after(failed=False).pause(0.5) == 10


def test_a_branch_that_is_seldom_looked_at_is_not_looked_at_more_often_for_failing() -> None:
    assert Polling(every=3600).after(failed=True).after(failed=True).pause(0.5) == 3600
