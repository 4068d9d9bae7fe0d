"""A controller that does nothing but remember what it was asked, for those who ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.serve.controls import Ending, Refusal, Tell
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Status


class Remembering:
    """Implements `Controls`. `told` is what a follower hears; it goes on when `going` is set. `shown` is its status."""

    def __init__(self, *told: str, code: int = 0, seen: bytes | None = None) -> None:
        self.journal = Journal()
        self.shown = Status(fleet="demo", branch="main", tip="a" * 40)
        self.asked: list[tuple[str, ...]] = []
        self.going = threading.Event()
        self.going.set()
        self._told, self._code, self._seen = told, code, seen
        self.following: Callable[[Tell], None] | None = None
        self.ending: Ending | None = None
        self.checked = 0

    def status(self) -> Status:
        return self.shown

    def hint(self, why: str) -> None:
        self.asked.append(("hint", why))

    def observation(self) -> bytes | None:
        return self._seen

    @contextmanager
    def checking(self) -> Iterator[None]:
        self.checked += 1
        yield
        self.checked -= 1

    def follow(self, commit: str, by: str, tell: Tell, gone: threading.Event) -> int:
        if self.ending:
            raise self.ending
        self.asked.append(("follow", commit, by))
        for text in self._told:
            tell(text)
        assert self.going.wait(20)
        if self.following:
            self.following(tell)
        return self._code

    def suspend(self, what: str, by: str, reason: str) -> str:
        if what == "nothing":
            raise Refusal("there is no Host/nothing")
        self.asked.append(("suspend", what, by, reason))
        return "" if reason else f"Already so: {what} is suspended."

    def resume(self, what: str, by: str) -> None:
        self.asked.append(("resume", what, by))

    def accept(self, commit: str, by: str) -> None:
        self.asked.append(("accept", commit, by))
