"""When somebody undoes again and again what a commit says, the fight ends; all in make-believe time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.serve.patience.contention import MOST, MOST_IN_ALL, WINDOW, Contention

POWER = ("powerState",)


def test_a_few_reverts_are_made_and_one_more_is_once_too_often() -> None:
    contention = Contention[str]()
    told = [contention.reverted("web-1", POWER, "a", now=60.0 * n) for n in range(MOST + 1)]
    assert told == [False] * MOST + [True]
    assert contention.given_up("web-1", "a")


def test_reverts_that_are_far_apart_go_on_for_ever() -> None:
    contention = Contention[str]()
    pause = WINDOW / MOST + 1
    assert not any(contention.reverted("web-1", POWER, "a", now=pause * n) for n in range(100))


def test_each_object_is_counted_by_itself() -> None:
    contention = Contention[str]()
    for n in range(MOST):
        assert not contention.reverted("web-1", POWER, "a", now=float(n))
        assert not contention.reverted("web-2", POWER, "a", now=float(n))


def test_a_few_edits_by_hand_of_different_things_are_no_fight() -> None:
    contention = Contention[str]()
    assert not any(contention.reverted("web-1", [f"field {n}"], "a", now=float(n)) for n in range(MOST_IN_ALL))


def test_a_guest_that_dies_whenever_it_is_started_is_given_up_whatever_else_is_edited() -> None:
    contention = Contention[str]()
    for n in range(MOST):
        assert not contention.reverted("web-1", [*POWER, f"field {n}"], "a", now=float(n))
        assert not contention.reverted("web-1", [f"other {n}"], "a", now=float(n))
    assert contention.reverted("web-1", POWER, "a", now=float(MOST))


@given(st.lists(st.sets(st.integers(), min_size=1), min_size=MOST_IN_ALL + 1, max_size=MOST_IN_ALL + 1))
def test_a_fight_ends_whatever_is_undone_each_time(undone: list[set[int]]) -> None:
    contention = Contention[str]()
    assert any(contention.reverted("web-1", list(map(str, things)), "a", now=1.0) for things in undone)


def test_another_manifest_ends_it() -> None:
    contention = fought_over()
    assert not contention.given_up("web-1", "another")
    assert not contention.given_up("web-1", "a"), "it is forgotten, not only overlooked"


def test_resuming_ends_it_and_counts_anew() -> None:
    contention = fought_over()
    assert contention.resume("web-1")
    assert not contention.given_up("web-1", "a")
    assert not contention.reverted("web-1", POWER, "a", now=1.0)


def test_what_was_not_given_up_cannot_be_resumed() -> None:
    assert not Contention[str]().resume("web-1")


def fought_over() -> Contention[str]:
    contention = Contention[str]()
    for _ in range(MOST + 1):
        contention.reverted("web-1", POWER, "a", now=0.0)
    assert contention.all == ["web-1"]
    return contention
