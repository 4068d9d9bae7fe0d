"""Guests that are becoming ready, in virtual time: who is looked at when, and when waiting is over."""

from __future__ import annotations

from reconciler.address import Address, ObjectKey
from reconciler.objects import Readiness
from reconciler.plan import Step
from reconciler.serve.patience.becoming import FRESH, LOOK, LOOK_LATE, TELL, Becoming, News
from reconciler.serve.patience.started import Started

WEB = Address("Instance", "shop", "web-1")
PORT = Readiness(check="tcp:22", deadline=30)


def becoming(*, asked: bool = False) -> Becoming:
    """One guest, started at 100 s, or asked for then."""
    made = Becoming()
    made.begin(started(), 100.0, asked=asked)
    return made


def started(name: str = "web-1", commit: str = "c1") -> Started:
    key = ObjectKey("kvm-01", Address("Instance", "shop", name))
    return Started(step=Step(id="1", key=key, verb="create", ready=PORT), commit=commit)


def words(news: News | None) -> str:
    return news.text if news else ""


def state(of: Becoming) -> str:
    return of.shown[WEB].state


def test_a_guest_is_looked_at_at_once_and_then_once_a_second_until_it_is_ready() -> None:
    waiting = becoming()
    assert [each.step.key.address for each in waiting.due(100.0)] == [WEB]
    waiting.looked(WEB, "nothing answers", 100.0)
    assert (waiting.due(100.0 + LOOK - 0.1), len(waiting.due(100.0 + LOOK))) == ([], 1)
    assert (waiting.pending, state(waiting)) == ([WEB], "becoming-ready")
    assert waiting.looked(WEB, "", 101.0) == News("Instance/shop/web-1 is ready", ready=True)
    assert (waiting.pending, waiting.late, waiting.shown, waiting.due(200.0)) == ([], [], {}, [])


def test_what_is_missing_is_told_when_it_is_new_and_now_and_then() -> None:
    waiting = becoming()
    text = "waiting until Instance/shop/web-1 is ready (tcp:22): nothing answers; 30 s left"
    assert waiting.looked(WEB, "nothing answers", 100.0) == News(text)
    assert waiting.looked(WEB, "nothing answers", 101.0) is None
    assert "no address; 28 s left" in words(waiting.looked(WEB, "no address", 102.0))
    assert "no address; 18 s left" in words(waiting.looked(WEB, "no address", 102.0 + TELL))


def test_one_that_is_not_ready_in_time_has_failed_until_it_is_ready_after_all() -> None:
    waiting = becoming()
    waiting.looked(WEB, "nothing answers", 129.9)
    assert not waiting.late
    waiting.looked(WEB, "nothing answers", 130.0)
    ((_, outcome),) = waiting.late
    assert (outcome.status, outcome.unready, waiting.pending, state(waiting)) == ("failed", True, [], "failed")
    assert "nothing answers, 30 s after it was started" in outcome.error
    waiting.looked(WEB, "nothing answers", 131.0)
    assert (waiting.due(131.0 + LOOK), len(waiting.due(131.0 + LOOK_LATE))) == ([], 1)
    assert words(waiting.looked(WEB, "", 500.0)) == "Instance/shop/web-1 is ready, 370 s after its time was up"
    assert not waiting.guests


def test_one_that_never_will_be_ready_is_not_waited_for() -> None:
    waiting = becoming()
    waiting.looked(WEB, "it has no guest agent", 100.0, hopeless=True)
    ((_, outcome),) = waiting.late
    assert waiting.pending == []
    assert outcome.error.startswith("it is not ready (tcp:22): it has no guest agent; look at it")


def test_that_one_is_not_ready_is_written_down_once() -> None:
    waiting = becoming()
    assert waiting.untold() == set()
    waiting.looked(WEB, "nothing answers", 130.0)
    assert waiting.untold() == {step.id for step, _ in waiting.late}
    assert waiting.untold() == set()


def test_another_commit_gives_it_all_its_time_again_unless_it_need_not_be_ready_any_more() -> None:
    waiting = becoming()
    waiting.looked(WEB, "nothing answers", 130.0)
    waiting.anew({WEB: Readiness(check="tcp:80", deadline=60)}, 200.0)
    assert (waiting.pending, waiting.due(200.0)[0].end) == ([WEB], 260.0)
    waiting.anew({WEB: Readiness(check="running")}, 201.0)
    assert not waiting.guests
    gone = becoming()
    gone.anew({}, 200.0)
    assert not gone.guests


def test_who_has_waited_longest_for_a_look_comes_first() -> None:
    waiting = becoming()
    waiting.begin(started("web-2"), 100.0)
    waiting.looked(WEB, "nothing answers", 100.5)
    assert [each.step.key.address.name for each in waiting.due(110.0)] == ["web-2", "web-1"]


def test_the_time_of_one_that_cannot_be_looked_at_passes_all_the_same() -> None:
    waiting = becoming()
    (guest,) = waiting.due(129.0)
    waiting.overdue(guest, 129.0)
    assert waiting.pending == [WEB]
    waiting.overdue(guest, 130.0)
    assert waiting.pending == []


def test_one_that_was_ready_is_known_until_it_is_written_for_another_commit() -> None:
    waiting = becoming()
    assert waiting.known(started())
    waiting.looked(WEB, "", 101.0)
    assert waiting.known(started())
    assert not waiting.known(started(commit="c2"))
    waiting.forget()
    assert not waiting.known(started())


def test_one_that_is_only_asked_for_counts_for_no_commit_and_is_dropped_with_what_depends_on_it() -> None:
    waiting = becoming(asked=True)
    assert not waiting.known(started())
    waiting.no_longer_asked([WEB])
    assert waiting.pending == [WEB]
    waiting.no_longer_asked([])
    assert not waiting.guests
    counts = becoming()
    counts.no_longer_asked([])
    assert counts.pending == [WEB]


def test_that_one_is_ready_is_believed_for_a_while_unless_it_is_started_again() -> None:
    waiting = becoming(asked=True)
    assert not waiting.fresh(WEB, 100.0)
    waiting.looked(WEB, "", 101.0)
    assert (waiting.fresh(WEB, 101.0 + FRESH - 1), waiting.fresh(WEB, 101.0 + FRESH)) == (True, False)
    assert waiting.seen_ready([WEB]) == {WEB}
    waiting.started(WEB)
    assert (waiting.fresh(WEB, 102.0), waiting.seen_ready([WEB])) == (False, set())


def test_one_that_is_left_down_has_failed_once_and_counts_no_more() -> None:
    waiting = becoming()
    waiting.left_down([WEB])
    assert (waiting.pending, state(waiting), len(waiting.untold())) == ([], "failed", 1)
    waiting.left_down([WEB])
    assert not waiting.guests
