"""Ctrl-C during an apply: once lets running steps finish, twice leaves at once. SIGTERM counts as Ctrl-C."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from reconciler.cli.exits import Exit
from reconciler.report.progress import Progress
from reconciler.report.screen import Screen


def keep_interrupts() -> None:
    """Lose no Ctrl-C: one that lands in a finalizer is swallowed there by Python, so it is sent again a moment later,
    when that finalizer is over. It is sent as a signal, since only that wakes a main thread that waits for a lock.
    """
    main = threading.main_thread().ident
    assert main is not None

    def unraisable(lost: Any) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            over = _thread.allocate_lock()
            with over:  # a `threading.Thread` would be waited for until it runs, and may interrupt that
                _thread.start_new_thread(_interrupt, (main, over))
        else:
            sys.__unraisablehook__(lost)

    sys.unraisablehook = unraisable


def _interrupt(thread: int, over: _thread.LockType) -> None:
    """Interrupt a thread a moment after something is over."""
    with over:
        time.sleep(0.02)
    signal.pthread_kill(thread, signal.SIGINT)


class Interruption:
    """While its context lasts, the first signal sets `stop` and the second ends the process.

    The second does not unwind: a driver may hang in a hypervisor's library, and whatever is left behind is found and
    finished by the next apply, just as after a kill.
    """

    def __init__(self, screen: Screen, progress: Progress) -> None:
        self.stop = threading.Event()
        self._screen = screen
        self._progress = progress
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.stop.is_set():
            self._leave()
        self.stop.set()
        # A handler runs between any two instructions of this thread, which may be writing: another thread tells.
        text = "Interrupted: running steps finish, no other starts. Once more leaves at once."
        threading.Thread(target=self._screen.say, args=(text,), daemon=True).start()

    def _leave(self) -> None:
        restoring = threading.Thread(target=self._progress.stop, daemon=True)
        restoring.start()
        restoring.join(timeout=0.5)
        os._exit(Exit.INTERRUPTED)
