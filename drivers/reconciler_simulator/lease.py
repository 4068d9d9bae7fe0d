"""The host's locks, each held by a process of its own (`holder.py`), so that they go when we are silent."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from reconciler.driver import DriverError, ErrorClass
from reconciler.whoever import claimant, claimed_by
from reconciler_simulator import holder

_BEATS = 4
"""So many signs of life are given while one is due."""
_PATIENCE = 10.0


@contextlib.contextmanager
def holding(path: Path, silence: float, held: str) -> Iterator[SimulatorLease]:
    """Hold a lock, or raise `DriverError` (held) with a text for people, in which `{who}` is who has it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lease = SimulatorLease(path, silence)
    try:
        if not lease.answers():
            refused = lease.end() == holder.HELD
            if not refused:
                raise DriverError(ErrorClass.YOURS, f"the lock {path} cannot be taken")
            who = claimed_by(path.read_text(encoding="utf-8", errors="replace"))
            raise DriverError(ErrorClass.HELD, held.replace("{who}", who))
        yield lease
    finally:
        lease.end()


class SimulatorLease:
    """A lock that is ours for as long as its holder answers, and while the file that was locked is the one there."""

    def __init__(self, path: Path, silence: float) -> None:
        self._path, self._lost = path, False
        command = [sys.executable, "-I", "-S", holder.__file__, str(path), f"{silence:.3f}", claimant()]
        self._holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=0
        )
        self._over, self._turn = threading.Event(), threading.Lock()
        threading.Thread(target=self._live, args=(silence / _BEATS,), name="lock", daemon=True).start()

    def _live(self, beat: float) -> None:
        while not self._over.wait(beat) and self._say(b"-"):
            pass

    def _say(self, word: bytes) -> bool:
        assert self._holder.stdin is not None
        with self._turn:
            try:
                return not self._over.is_set() and os.write(self._holder.stdin.fileno(), word) == len(word)
            except OSError:
                return False

    def answers(self) -> bool:
        """Whether the holder still has the lock."""
        assert self._holder.stdout is not None
        if not self._say(b"?"):
            return False
        answered, _, _ = select.select([self._holder.stdout], [], [], _PATIENCE)
        return bool(answered) and os.read(self._holder.stdout.fileno(), 1) == b"!"

    def check(self) -> None:
        """Raises `DriverError` (held) when the lock is no longer ours. One that was lost once is lost."""
        self._lost = self._lost or not self.answers()
        if self._lost:
            raise DriverError(ErrorClass.HELD, f"the lock {self._path} was taken away, or went while we were silent")

    def end(self) -> int:
        """Give the lock back; the holder's exit status."""
        with self._turn:
            self._over.set()
        with self._holder:  # closes its standard input, at which it ends, and waits
            pass
        return self._holder.returncode
