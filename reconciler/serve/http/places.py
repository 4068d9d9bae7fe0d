"""How many are answered at once, and who has to go when one more comes. Times are seconds, and given."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

import msgspec

Who = TypeVar("Who")

SHORTEST = 0.1
"""Seconds for which nobody has to go who is waited for: an honest request comes, and its reply goes, in less."""


class Taken(msgspec.Struct):
    """A place: since when it is had, and since when its owner is waited for; None while they wait for us."""

    begun: float
    waiting: float | None


class Places(Generic[Who]):
    """Places, given and taken back by any thread.

    Who sends or reads slowly takes no place from others: when all are taken, that of who has been waited for longest
    goes to who comes, from wherever both come. Who waits for us is answered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[Who, Taken] = {}
        self._turn = threading.Lock()

    def take(self, who: Who, now: float) -> tuple[bool, Who | None]:
        """Whether they have a place now, and whose that was, who has to go."""
        with self._turn:
            gone = None
            if len(self._taken) >= self._most:
                gone = self._slowest(now)
                if gone is None:
                    return False, None
                del self._taken[gone]
            self._taken[who] = Taken(now, now)
            return True, gone

    def _slowest(self, now: float) -> Who | None:
        since = {who: each.waiting for who, each in self._taken.items() if each.waiting is not None}
        slowest = min(since, key=since.__getitem__, default=None)
        return slowest if slowest is not None and now - since[slowest] >= SHORTEST else None

    def waited_for(self, who: Who, now: float | None) -> None:
        """They are waited for from now on, or wait for us (None)."""
        with self._turn:
            if who in self._taken:
                self._taken[who].waiting = now

    def leave(self, who: Who) -> None:
        """Give a place back, unless somebody else has it already."""
        with self._turn:
            self._taken.pop(who, None)

    def older(self, begun: float) -> list[Who]:
        """Who has had a place since before that time."""
        with self._turn:
            return [who for who, each in self._taken.items() if each.begun < begun]
