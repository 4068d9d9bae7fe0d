"""When somebody undoes again and again what a commit says, the fight ends; all in make-believe time."""

from __future__ import annotations

from reconciler.serve.patience.contention import MOST, WINDOW, Contention


def test_a_few_reverts_are_made_and_one_more_is_once_too_often() -> None:
    contention = Contention[str]()
    told = [contention.reverted("web-1", "a", now=60.0 * n) for n in range(MOST + 1)]
    assert told == [False] * MOST + [True]
    assert contention.given_up("web-1", "a")


def test_reverts_that_are_far_apart_go_on_for_ever() -> None:
    contention = Contention[str]()
    pause = WINDOW / MOST + 1
    assert not any(contention.reverted("web-1", "a", now=pause * n) for n in range(100))


def test_each_object_is_counted_by_itself() -> None:
    contention = Contention[str]()
    for n in range(MOST):
        assert not contention.reverted("web-1", "a", now=float(n))
        assert not contention.reverted("web-2", "a", now=float(n))


def test_another_manifest_ends_it() -> None:
    contention = fought_over()
    assert not contention.given_up("web-1", "another")
    assert not contention.given_up("web-1", "a"), "it is forgotten, not only overlooked"


def test_resuming_ends_it_and_counts_anew() -> None:
    contention = fought_over()
    assert contention.resume("web-1")
    assert not contention.given_up("web-1", "a")
    assert not contention.reverted("web-1", "a", now=1.0)


def test_what_was_not_given_up_cannot_be_resumed() -> None:
    assert not Contention[str]().resume("web-1")


def fought_over() -> Contention[str]:
    contention = Contention[str]()
    for _ in range(MOST + 1):
        contention.reverted("web-1", "a", now=0.0)
    assert contention.all == ["web-1"]
    return contention
