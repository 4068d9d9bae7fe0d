"""When what failed may be tried again: exponential, with full jitter, up to a bound. Time and chance are parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

FIRST = 1.0
"""Seconds before which nothing that failed is tried again."""
LONGEST = 300.0
"""Seconds after which it is, however often it has failed."""
_MOST_DOUBLINGS = 30
K = TypeVar("K")


class Backoff(Generic[K]):
    """Who failed how often in a row, and from when on each may be tried again, in seconds of the caller's clock.

    `chance` gives numbers from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float], first: float = FIRST, longest: float = LONGEST) -> None:
        self._chance, self._first, self._longest = chance, first, longest
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}

    def failed(self, who: K, now: float, longest: float | None = None) -> float:
        """One more failure; returns when it may be tried again, at most `longest` seconds from now."""
        failures = self._failures.get(who, 0) + 1
        bound = min(self._longest, longest or self._longest, self._first * 2 ** min(failures, _MOST_DOUBLINGS))
        self._failures[who] = failures
        self._due[who] = now + self._first + self._chance() * (bound - self._first)
        return self._due[who]

    def worked(self, who: K) -> None:
        """It succeeded, or there is nothing left to try."""
        self._failures.pop(who, None)
        self._due.pop(who, None)

    def keep(self, whom: Collection[K]) -> None:
        """Forget all others."""
        for who in self._due.keys() - set(whom):
            self.worked(who)

    def known(self, who: K) -> bool:
        """Whether its last try failed."""
        return who in self._due

    @property
    def all(self) -> list[K]:
        """Those whose last try failed."""
        return list(self._due)

    def waiting(self, now: float) -> dict[K, float]:
        """Those that may not be tried yet, and from when on they may. May be asked by any thread."""
        return {who: due for who, due in self._due.copy().items() if due > now}

    def past(self, now: float) -> set[K]:
        """Those that may be tried again by now."""
        return {who for who, due in self._due.items() if due <= now}

    def next(self) -> float | None:
        """When the first may be tried again, which may be past; None when nothing waits."""
        return min(self._due.values(), default=None)
