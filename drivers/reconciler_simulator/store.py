"""The state of a host, kept in a file; see `journal.py` for what stands in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from reconciler.driver import DriverError, ErrorClass
from reconciler_simulator.journal import Journal
from reconciler_simulator.state import FORMAT, Changes, State


class Store:
    """One host's state in a file, and two locks beside it.

    `FILE.mutex` is held for the moment of a change; `FILE.lock` by the one who may write (`Driver.lock`). Both are
    `flock`s, which go when their holder does. A reader needs neither: the file is whole at any moment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        self._decoder = msgspec.json.Decoder(Changes)
        self._journal, self._state = Journal(path), State()

    def read(self) -> State:
        """The state; that of an empty host while there is no file. Raises `DriverError` when the file is damaged.

        It is for reading only, and goes on changing as calls are made. Whoever goes through all of it does so in
        `still`.
        """
        with self._turn:
            try:
                self._take_up()
            except (OSError, ValueError) as failure:
                self._journal, self._state = Journal(self.path), State()
                raise DriverError(ErrorClass.YOURS, f"{self.path} is no simulator's state: {failure}") from None
            return self._state

    def _take_up(self) -> None:
        """Take up what the file has and we have not."""
        if not self._journal.is_current():
            self._journal, self._state = Journal(self.path), State()
        for number, line in self._journal.fresh():
            changes = self._decoder.decode(line)
            if number == 0 and changes.format != FORMAT:
                raise ValueError(f"it has format {changes.format}, and this is for {FORMAT}")
            self._state.accept(changes)

    def digest(self) -> str:
        """A digest of the file as far as it was read; of all of it when nothing was."""
        with self._turn:
            return self._journal.digest()

    @contextlib.contextmanager
    def still(self) -> Iterator[State]:
        """The state, which nothing in this process changes meanwhile."""
        with self._turn:
            yield self.read()

    @contextlib.contextmanager
    def changing(self) -> Iterator[State]:
        """Hold the state, to change it. What is to stay must be given to `write` before leaving."""
        with self._turn, held(self.path.with_name(self.path.name + ".mutex"), wait=True):
            state = self.read()
            try:
                yield state
            finally:
                state.take_back()

    def write(self, state: State, *, anew: bool = False) -> None:
        """Keep what was changed of the state that `changing` gave. When this returns, a `kill -9` cannot undo it.

        `anew`: in a file that is begun anew, so that who reads along loses the thread.
        """
        assert state is self._state, "it is the state of another store"
        line = msgspec.json.encode(state.changes())
        if self._journal.takes(line) and not anew:
            self._journal.append(line)
        else:
            self._journal = Journal.begin(self.path, msgspec.json.encode(state.whole()))
        state.keep()


@contextlib.contextmanager
def held(path: Path, *, wait: bool) -> Iterator[int]:
    """Hold a `flock` and give its descriptor; raises `BlockingIOError` when another has it and `wait` is false."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield descriptor
    finally:
        os.close(descriptor)
