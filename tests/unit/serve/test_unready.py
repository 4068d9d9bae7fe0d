"""What follows from guests that are becoming ready: who goes on following, what is told, and when a round is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Readiness
from reconciler.reconcile import Options
from reconciler.report.exits import Exit
from reconciler.serve.audience import Audience
from reconciler.serve.course import Course
from reconciler.serve.following.local import LocalBranch
from reconciler.serve.inbox import Inbox
from reconciler.serve.patience.started import Started
from reconciler.serve.readying import Readying
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.overview import Shown
from reconciler.serve.telling.status import ResourceStatus
from reconciler.serve.unready import Unready
from tests.support.hosts import until
from tests.support.memory_driver import MemoryHost, step

COMMIT = "c" * 40
PATIENCE = 10.0
MISSING = "nothing answers"
WEB = step("web").key.address


class Waiting:
    """A guest that was started, and somebody who follows its commit."""

    def __init__(self) -> None:
        self.host = MemoryHost("kvm-01")
        self.host.readiness = {"web": [MISSING]}
        self.journal, self.inbox, self.shown, self._audience = Journal(), Inbox(), Shown(), Audience()
        course = Course(LocalBranch(Path(), "main"), Options(), "", self.journal, Conditions())
        readying = Readying(lambda: {"kvm-01": self.host}, lambda: None)
        self.unready = Unready(course, readying, self._audience, self.inbox, self.journal, self.shown)
        self.heard, self.codes = list[str](), list[int]()
        begun = msgspec.structs.replace(step("web"), ready=Readiness(check="tcp:80", deadline=300))
        readying.becoming.begin(Started(step=begun, commit=COMMIT), time.monotonic())
        self._audience.begin(COMMIT, lambda commit: False)
        threading.Thread(target=self._follow, daemon=True).start()
        until(lambda: not self._audience.empty, PATIENCE, "somebody to follow")

    def _follow(self) -> None:
        self.codes.append(self._audience.follow(COMMIT, "ann", self.heard.append, threading.Event()))

    def end(self, code: Exit) -> None:
        """A whole round ends, which has told of all."""
        self.shown.resources = self.unready.shown
        self.unready.account()
        self.unready.end_round(code)

    def again(self, code: Exit) -> int:
        """Another whole round of the commit; what the follower gets."""
        self.unready.begin_round()
        self._audience.begin(COMMIT, lambda commit: False)
        self.end(code)
        until(lambda: self.codes, PATIENCE, "the end of following")
        return self.codes[0]

    def look_until(self, what: Callable[[], bool]) -> None:
        """Look as often as is due."""

        def so() -> bool:
            self.unready.look()
            return what()

        until(so, PATIENCE, "what looking leads to")

    def told(self, reason: str) -> list[str]:
        """What was told for that reason."""
        return [each.message for each in self.journal.entries() if each.reason == reason]


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def test_who_follows_goes_on_until_the_guest_is_ready_and_its_commit_is_written_down(waiting: Waiting) -> None:
    waiting.end(Exit.OK)
    waiting.look_until(lambda: any(waiting.heard))
    assert "".join(waiting.heard).startswith(f"waiting until {WEB} is ready (tcp:80): {MISSING}; ")
    shown = ResourceStatus(address=str(WEB), state="becoming-ready", message=f"not ready (tcp:80): {MISSING}")
    assert (waiting.codes, waiting.inbox.empty, waiting.shown.resources) == ([], True, {WEB: shown})
    waiting.host.readiness["web"] = [""]
    waiting.look_until(lambda: waiting.unready.round_due)
    assert (waiting.codes, waiting.inbox.empty, waiting.shown.resources) == ([], False, {})
    assert waiting.again(Exit.OK) == Exit.OK
    assert [each for each in waiting.heard if each][-1] == f"{WEB} is ready\n"
    assert not waiting.unready.round_due


def test_who_follows_is_let_go_at_once_where_a_step_failed(waiting: Waiting) -> None:
    waiting.end(Exit.ERROR)
    until(lambda: waiting.codes, PATIENCE, "the end of following")
    assert (waiting.codes, waiting.unready.pending) == ([Exit.ERROR], True)


def test_a_guest_that_never_will_be_ready_is_told_of_once(waiting: Waiting) -> None:
    waiting.end(Exit.OK)
    waiting.host.readiness["web"] = [DriverError(ErrorClass.UNSUPPORTED, "it has no guest agent")]
    waiting.look_until(lambda: waiting.unready.round_due)
    assert waiting.shown.resources[WEB].state == "failed"
    assert waiting.again(Exit.ERROR) == Exit.ERROR
    waiting.unready.look()
    (told,) = waiting.told("NotReady")
    assert told.startswith(f"{WEB} on kvm-01 is not ready: it is not ready (tcp:80): it has no guest agent")


def test_one_that_leads_no_more_forgets_who_was_becoming_ready(waiting: Waiting) -> None:
    waiting.end(Exit.OK)
    waiting.unready.forget()
    assert (waiting.unready.pending, waiting.unready.next_look, waiting.codes) == (False, None, [])
    assert waiting.again(Exit.OK) == Exit.OK, "whoever follows hears of the next round"
