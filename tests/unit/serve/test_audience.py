"""Whoever pushed a commit hears what becomes of it, whenever they ask."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from reconciler.address import Address, ObjectKey
from reconciler.impact import Impact
from reconciler.plan import Change
from reconciler.report.line import line, plain
from reconciler.serve.audience import Audience
from reconciler.serve.controls import Ending
from tests.support.plans import make_plan

OLD, NEW = "1" * 40, "2" * 40


class Follower:
    """Follows a commit in a thread of its own."""

    def __init__(self, audience: Audience, commit: str, by: str = "ann") -> None:
        self.heard: list[str] = []
        self.codes: list[int | str] = []
        self.gone = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(audience, commit, by))
        self._thread.start()
        eventually(lambda: not audience.empty or bool(self.codes))

    def _follow(self, audience: Audience, commit: str, by: str) -> None:
        try:
            self.codes.append(audience.follow(commit, by, self.heard.append, self.gone))
        except Ending as ending:
            self.codes.append(f"stopped: {ending.stopped}")

    def end(self) -> tuple[str, int | str]:
        self._thread.join(timeout=10)
        return "".join(self.heard), self.codes[0]

    def leave(self) -> None:
        """As somebody whose push is broken off."""
        self.gone.set()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive(), "who left is waited for"


def eventually(true: Callable[[], bool]) -> None:
    tick = threading.Event()
    assert any(true() or tick.wait(0.01) for _ in range(1000))


def never(commit: str) -> bool:
    return False


def test_one_who_asked_before_hears_the_whole_round() -> None:
    audience = Audience()
    follower = Follower(audience, NEW)
    audience.begin(NEW, never).write("plan\n")
    audience.end(0)
    assert follower.end() == ("plan\n", 0)


def test_one_who_comes_late_hears_what_was_said_before() -> None:
    audience = Audience()
    transcript = audience.begin(NEW, never)
    transcript.write("plan\n")
    follower = Follower(audience, NEW)
    transcript.write("done\n")
    audience.end(1)
    assert follower.end() == ("plan\ndone\n", 1)


def test_one_who_comes_after_the_end_hears_it_all_the_same() -> None:
    audience = Audience()
    audience.begin(NEW, never).write("plan\n")
    audience.end(4)
    assert Follower(audience, NEW).end() == ("plan\n", 4)


def test_one_who_follows_an_older_commit_is_told_of_the_newer_one_and_what_became_of_it() -> None:
    audience = Audience()
    follower = Follower(audience, OLD)
    audience.begin(NEW, lambda commit: commit == OLD).write("plan\n")
    audience.end(0)
    text, code = follower.end()
    assert NEW[:12] in text
    assert OLD[:12] in text
    assert (text.endswith("plan\n"), code) == (True, 0)


def test_a_round_that_is_left_for_a_newer_commit_is_followed_on() -> None:
    audience = Audience()
    follower = Follower(audience, OLD)
    audience.begin(OLD, never)
    audience.overtaken("A newer commit is there.\n")
    audience.begin(NEW, lambda commit: True)
    audience.end(0)
    text, code = follower.end()
    assert (text.count("newer commit"), code) == (2, 0)


def test_one_whose_commit_comes_to_nothing_is_told_why() -> None:
    audience = Audience()
    follower = Follower(audience, NEW)
    audience.dismiss(NEW, "It has mistakes.\n", 1)
    assert follower.end() == ("It has mistakes.\n", 1)


@pytest.mark.parametrize("text", ["It was stopped.\n", ""])
def test_at_the_end_everybody_is_told_nobody_waits_and_the_next_controller_is_to_be_asked(text: str) -> None:
    audience = Audience()
    waiting = Follower(audience, NEW)
    audience.close(text)
    assert waiting.end() == (text, f"stopped: {bool(text)}")
    with pytest.raises(Ending):
        audience.follow(NEW, "bob", print, threading.Event())


def test_a_follower_that_left_hinders_nobody() -> None:
    audience = Audience()

    def gone(text: str) -> None:
        raise BrokenPipeError

    threading.Thread(target=audience.follow, args=(NEW, "bob", gone, threading.Event()), daemon=True).start()
    eventually(lambda: audience.pusher(NEW) == "bob")
    follower = Follower(audience, NEW)
    eventually(lambda: len(audience._waiting) == 2)
    audience.begin(NEW, never).write("plan\n")
    audience.end(0)
    assert follower.end() == ("plan\n", 0)


def test_who_left_is_waited_for_no_longer_and_the_record_still_says_who_pushed() -> None:
    audience = Audience()
    Follower(audience, NEW).leave()
    assert audience.pusher(NEW) == "ann"
    audience.begin(NEW, never)
    assert audience.pusher(NEW) == "ann"
    audience.end(0)
    assert (audience.empty, audience.pusher(NEW)) == (True, "")


def test_those_who_left_take_no_room_of_those_who_come() -> None:
    audience = Audience()
    followers = [Follower(audience, NEW, by) for by in ("ann", "bob")]
    for each in followers:
        each.leave()
    audience.begin(NEW, never)
    stays = Follower(audience, NEW, "eve")
    audience.end(3)
    assert stays.end() == ("", 3)
    assert audience.empty


def test_whoever_has_a_push_checked_is_about_to_follow() -> None:
    audience = Audience()
    with audience.expecting():
        assert not audience.empty
    assert audience.empty
    audience.close()
    with pytest.raises(Ending), audience.expecting():
        pytest.fail("one that ends checks nothing any more")


def test_a_round_that_goes_on_with_the_same_commit_tells_nobody_the_same_twice() -> None:
    audience, waits = Audience(), change("waits")
    early = Follower(audience, NEW)
    older = Follower(audience, OLD)
    eventually(lambda: audience.awaited() == {OLD, NEW})
    begun = audience.begin(NEW, lambda commit: True)
    begun.write(plain(begun.planned(make_plan(change("made"), waits))) + plain(begun.fresh(HINT)))
    audience.overtaken("")
    audience.trouble("a lock is held\n")
    audience.trouble("a lock is held\n")
    again = audience.begin(NEW, lambda commit: True)
    late = Follower(audience, NEW)
    eventually(lambda: bool(late.heard))
    again.write(plain(again.planned(make_plan(waits, change("moved")))) + plain(again.fresh(HINT)))
    audience.end(0)
    for follower, newer in ((early, 0), (older, 1), (late, 0)):
        text, code = follower.end()
        assert [text.count(each) for each in ("shop/made", "shop/waits", "shop/moved", "consent!")] == [1, 1, 1, 1]
        assert (text.count("Plan: 2 to update"), text.count("A newer commit took over"), code) == (2, newer, 0)


def test_a_round_after_the_end_of_the_one_before_tells_all_again() -> None:
    audience = Audience()
    for _ in range(2):
        follower = Follower(audience, NEW) if audience.empty else None
        begun = audience.begin(NEW, never)
        begun.write(plain(begun.planned(make_plan(change("made")))))
        audience.end(0)
        assert follower is not None
        assert "shop/made" in follower.end()[0]
        audience.begin(OLD, never)
        audience.end(0)


HINT = [line("Whoever may:"), line("  consent!")]


def change(name: str) -> Change:
    key = ObjectKey("kvm-01", Address("Instance", "shop", name))
    return Change(key=key, action="update", impact=Impact.LIVE)
