"""When to stop fighting: somebody undoes again and again what a commit says. Time is a parameter."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Generic, TypeVar

MOST = 5
"""Reverts of the same thing of one object that are made within the window; one more would be a fight."""
MOST_IN_ALL = 20
"""Runs within the window that put something of one object back, whatever it was: whoever undoes another thing each time
fights as well.
"""
WINDOW = 600.0
"""Seconds."""
K = TypeVar("K")


class Contention(Generic[K]):
    """How often each object was put back, and which are left alone for it.

    An object that is left alone stays so until it is resumed, or its `manifest`, any text that tells one from another,
    is no longer what it was.
    """

    def __init__(self, most: int = MOST, in_all: int = MOST_IN_ALL, window: float = WINDOW) -> None:
        self._most, self._in_all, self._window = most, in_all, window
        self._times: dict[K, deque[tuple[float, frozenset[str]]]] = {}
        self._given_up: dict[K, str] = {}

    def reverted(self, what: K, things: Collection[str], manifest: str, now: float) -> bool:
        """These things of it were put back once more; whether that was once too often, so that it is left alone from
        now on.
        """
        times = self._times.setdefault(what, deque(maxlen=self._in_all + 1))
        times.append((now, frozenset(things)))
        lately = [put_back for time, put_back in times if now - time <= self._window]
        often = any(sum(thing in put_back for put_back in lately) > self._most for thing in things)
        if not often and len(lately) <= self._in_all:
            return False
        self._given_up[what] = manifest
        del self._times[what]
        return True

    def given_up(self, what: K, manifest: str) -> bool:
        """Whether it is left alone; not any more when its manifest has changed."""
        if self._given_up.get(what) not in (None, manifest):
            self.resume(what)
        return what in self._given_up

    def resume(self, what: K) -> bool:
        """Take it up again, and count anew; whether it was left alone."""
        self._times.pop(what, None)
        return self._given_up.pop(what, None) is not None

    @property
    def all(self) -> list[K]:
        """Those that are left alone."""
        return list(self._given_up)
