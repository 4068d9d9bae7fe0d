"""How often somebody may ask, and what was heard before. Times are seconds, and given."""

from __future__ import annotations

import threading
from collections import OrderedDict


class Allowance:
    """Each may ask `burst` times at once, and once more every `every` seconds. At most `most` are remembered."""

    def __init__(self, burst: int, every: float, most: int = 1024) -> None:
        self._burst, self._every, self._most = burst, every, most
        self._free_at: OrderedDict[str, float] = OrderedDict()
        self._turn = threading.Lock()

    def wait(self, who: str, now: float) -> float:
        """How long they have to wait; 0 when they may ask, which then counts."""
        with self._turn:
            spent = max(self._free_at.pop(who, now), now) + self._every
            late = spent - now - self._burst * self._every
            self._free_at[who] = spent if late <= 0 else spent - self._every
            while len(self._free_at) > self._most:
                self._free_at.popitem(last=False)
            return max(late, 0.0)


class Heard:
    """What was heard lately: the newest `most` of it."""

    def __init__(self, most: int = 1024) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._most = most
        self._turn = threading.Lock()

    def again(self, *marks: str) -> bool:
        """Whether any of these was heard before; they are from now on."""
        with self._turn:
            before = any(mark in self._known for mark in marks)
            for mark in marks:
                self._known.pop(mark, None)
                self._known[mark] = None
            while len(self._known) > self._most:
                self._known.popitem(last=False)
            return before
