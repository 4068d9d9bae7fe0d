"""Whoever follows a pushed commit: the text of a round goes to all of them as it comes, and holds up nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from reconciler.serve.audience.transcript import Transcript
from reconciler.serve.controls import Ending, Tell

__all__ = ["Audience", "Transcript"]

MOST_GONE = 100
"""Of those who left before a round was over, who are remembered until it is: the record says who pushed."""
_LOOK = 0.5
"""Seconds between looks whether who follows is still there."""


class _Follower:
    def __init__(self, commit: str, by: str, tell: Tell) -> None:
        self.commit, self.by = commit, by
        self.code = 0
        self.gone = False
        self.newer = ""
        self.heard: Transcript | None = None
        self.ending: Ending | None = None
        self.done = threading.Event()
        self._tell = tell

    def tell(self, text: str) -> None:
        with suppress(Exception):  # a reader that left is no error
            self._tell(text)

    def hear(self, transcript: Transcript) -> None:
        """Hear what was said so far, but for what was heard already; all further is told."""
        commit = transcript.commit
        if commit not in (self.commit, self.newer):
            self.newer = commit
            self.tell(f"A newer commit took over: {commit[:12]} is planned, which has {self.commit[:12]}.\n")
        if self.heard is None or self.heard.commit != commit:
            self.tell(transcript.text)
        self.heard = transcript

    def leave(self, text: str, code: int) -> None:
        self.tell(text)
        self.code = code
        self.done.set()


class Audience:
    """Followers by commit. All of it may be used from any thread; `begin`, `end` and the like by one only."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._waiting: list[_Follower] = []
        self._listening: list[_Follower] = []
        self._current: Transcript | None = None
        self._before: Transcript | None = None
        self._last: tuple[str, str, int] = ("", "", 0)
        self._expected = 0
        self._closed = False

    def follow(self, commit: str, by: str, tell: Tell, gone: threading.Event) -> int:
        """Wait for the end of the round that has the commit or a later one, or until whoever asked is `gone`; gives the
        round's exit code. Raises `Ending`.
        """
        me = _Follower(commit, by, tell)
        with self._turn:
            if self._closed:
                raise Ending
            if self._current is not None and self._current.commit == commit:
                me.hear(self._current)
                self._listening.append(me)
            elif self._last[0] == commit:
                me.leave(*self._last[1:])
            else:
                self._waiting.append(me)
        while not me.done.wait(_LOOK):
            if gone.is_set():
                self._gone(me)
                break
        if me.ending is not None:
            raise me.ending
        return me.code

    def _gone(self, me: _Follower) -> None:
        """One of those who left stands for all who pushed that commit."""
        with self._turn:
            me.gone = True
            others = [each for each in (*self._waiting, *self._listening) if each.gone and each is not me]
            if len(others) >= MOST_GONE or me.commit in (each.commit for each in others):
                self._waiting = [each for each in self._waiting if each is not me]
                self._listening = [each for each in self._listening if each is not me]

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While a push is checked, whoever pushes is about to follow. Raises `Ending`."""
        with self._turn:
            if self._closed:
                raise Ending
            self._expected += 1
        try:
            yield
        finally:
            with self._turn:
                self._expected -= 1

    @property
    def empty(self) -> bool:
        """Whether nobody follows, or is about to."""
        with self._turn:
            return not (self._waiting or self._listening or self._expected)

    def pusher(self, commit: str) -> str:
        """Who follows this very commit; empty when nobody does."""
        with self._turn:
            return next((each.by for each in (*self._listening, *self._waiting) if each.commit == commit), "")

    def awaited(self) -> set[str]:
        """The commits for which somebody waits."""
        with self._turn:
            return {each.commit for each in self._waiting}

    def begin(self, commit: str, older: Callable[[str], bool]) -> Transcript:
        """A round begins. Who waits for its commit, or for an `older` one, hears it. When the one before was about the
        same commit, and somebody hears both, it goes on with that.
        """
        with self._turn:
            before = self._before if self._before and self._before.commit == commit else None
            self._current = Transcript(commit, self._say, before)
            heard = [each for each in self._waiting if each.commit == commit or older(each.commit)]
            self._waiting = [each for each in self._waiting if each not in heard]
            self._listening += heard
            for each in heard:
                each.hear(self._current)
            return self._current

    def add(self, text: str) -> None:
        """Say something more of the round that went last, where it is not over for those who hear it."""
        with self._turn:
            if self._current is not None:
                self._current.write(text)

    def end(self, code: int, text: str = "") -> None:
        """The round is over, and so is following it."""
        with self._turn:
            self._say(text)
            assert self._current is not None, "a round that ends has begun"
            self._last = (self._current.commit, self._current.text, code)
            for each in self._listening:
                each.leave("", code)
            self._listening, self._current, self._before = [], None, None

    def overtaken(self, text: str) -> None:
        """The round was left for a newer commit, or for another one of the same: who hears it waits for that one."""
        with self._turn:
            self.add(text)
            self._wait_again()

    def dismiss(self, commit: str, text: str, code: int) -> None:
        """Nothing becomes of a commit: tell all who wait for it."""
        with self._turn:
            gone = [each for each in self._waiting if each.commit == commit]
            self._waiting = [each for each in self._waiting if each not in gone]
            for each in gone:
                each.leave(text, code)

    def trouble(self, text: str, code: int | None = None) -> None:
        """A round came to no end. Whoever waits or hears it is told, and with a `code` waits no longer."""
        with self._turn:
            self._wait_again()
            for each in self._waiting:
                each.tell(text)
                if code is not None:
                    each.leave("", code)
            self._waiting = [each for each in self._waiting if not each.done.is_set()]

    def _wait_again(self) -> None:
        if self._current is not None:
            self._before = self._current if self._listening else None
        self._waiting += self._listening
        self._listening, self._current = [], None

    def close(self, text: str = "") -> None:
        """No more comes. Whoever follows has to ask the next controller; with a `text`, which they are told, they need
        not start that one.
        """
        with self._turn:
            self._closed = True
            for each in (*self._listening, *self._waiting):
                each.ending = Ending(stopped=bool(text))
                each.leave(text, 1)
            self._waiting, self._listening = [], []

    def _say(self, text: str) -> None:
        with self._turn:
            for each in self._listening:
                each.tell(text)
