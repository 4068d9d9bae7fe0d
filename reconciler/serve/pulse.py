"""Whether a controller still works: the thread that does the work shows that it goes on, and others look at that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LONGEST = 600.0
"""Seconds in which nothing is heard of a working thread before it counts as stuck: longer than it waits anywhere."""


class Pulse:
    """Beats for as long as the work goes on. Times are seconds that only go forward."""

    def __init__(self, longest: float = LONGEST, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest, self._clock = longest, clock
        self._last = clock()

    def beat(self) -> None:
        """The working thread goes on."""
        self._last = self._clock()

    def dead(self) -> str:
        """Why it counts as stuck; empty while it does not."""
        silent = self._clock() - self._last
        return f"the controller has not moved for {silent:.0f} s" if silent > self._longest else ""


class BeatingStop(threading.Event):
    """The stop event of a run. A run asks for it again and again, in the thread that waits for its steps; that it
    does shows that this thread goes on, however long the steps take.
    """

    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self._pulse, self._thread = pulse, threading.get_ident()

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        if threading.get_ident() == self._thread:
            self._pulse.beat()
        return super().is_set()
