"""When to stop fighting: somebody undoes again and again what a commit says. Time is a parameter."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

MOST = 5
"""Reverts of one object that are made within the window; one more would be a fight."""
WINDOW = 600.0
"""Seconds."""
K = TypeVar("K")


class Contention(Generic[K]):
    """How often each object was put back, and which are left alone for it.

    An object that is left alone stays so until it is resumed, or its `manifest`, any text that tells one from another,
    is no longer what it was.
    """

    def __init__(self, most: int = MOST, window: float = WINDOW) -> None:
        self._most, self._window = most, window
        self._times: dict[K, deque[float]] = {}
        self._given_up: dict[K, str] = {}

    def reverted(self, what: K, manifest: str, now: float) -> bool:
        """It was put back once more; whether that was once too often, so that it is left alone from now on."""
        times = self._times.setdefault(what, deque(maxlen=self._most + 1))
        times.append(now)
        if len(times) <= self._most or now - times[0] > self._window:
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
