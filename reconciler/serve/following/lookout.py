"""Looks at the branch, now and then and when there is a hint, beside the rounds."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

from reconciler.serve.following import Follower, Tip
from reconciler.serve.following.polling import Polling


class Lookout:
    """A thread that keeps the newest tip. `seen` is called, from that thread, after each look, and hears whether it was
    the first one or showed another tip.
    """

    def __init__(self, follower: Follower, every: float, seen: Callable[[Tip, bool], None]) -> None:
        self.tip = Tip(commit="")
        self._follower, self._seen = follower, seen
        self._polling = Polling(every=every)
        self._hinted = threading.Event()
        self._turn = threading.Lock()
        self._ending = False
        self._hints = self._looks = 0
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def hint(self) -> None:
        """It may be worth looking now."""
        with self._turn:
            self._hints += 1
        self._hinted.set()

    @property
    def up_to_date(self) -> bool:
        """Whether it has looked since the last hint."""
        return self._looks > self._hints

    def end(self) -> None:
        """Look no more."""
        self._ending = True
        self._hinted.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        with ExitStack() as stack:
            with suppress(Exception):  # without hints it is looked at now and then
                stack.enter_context(self._follower.watching(self.hint))
            while not self._ending:
                self._hinted.clear()
                hints, first = self._hints, not self._looks
                before, self.tip = self.tip, self._look()
                self._polling = self._polling.after(failed=bool(self.tip.problem))
                self._looks = hints + 1
                self._seen(self.tip, first or before != self.tip)
                self._hinted.wait(self._polling.pause(random.random()))  # noqa: S311 - no secret hangs on it

    def _look(self) -> Tip:
        try:
            return self._follower.look()
        except Exception as bug:  # whoever looks no more would never see another commit
            return Tip(commit=self.tip.commit, problem=f"unexpected {type(bug).__name__}: {bug}")
