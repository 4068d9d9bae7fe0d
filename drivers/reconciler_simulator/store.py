"""The state file: read as a whole, replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from reconciler.driver import DriverError, ErrorClass
from reconciler_simulator.model import State

FORMAT = 1


class Store:
    """One host's state in a JSON file, and two locks beside it.

    `FILE.mutex` is held for the moment of a change; `FILE.lock` by the one who may write (`Writer`). Both are
    `flock`s, which go when their holder does. A reader needs neither: it always finds one whole state.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(State)
        self._last: tuple[bytes | None, State] | None = None

    def read(self) -> State:
        """The state; that of an empty host while there is no file. Raises `DriverError` when the file is damaged.

        It is for reading only: while the file's content is the same, all who ask share one.
        """
        data, last = self._bytes(), self._last
        if last is None or last[0] != data:
            self._last = last = data, self._decoded(data)
        return last[1]

    def _bytes(self) -> bytes | None:
        """The file's content; None while there is no file."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise self._damaged(failure) from None

    def _damaged(self, failure: Exception) -> DriverError:
        return DriverError(ErrorClass.YOURS, f"{self.path} is no simulator's state: {failure}")

    def _decoded(self, data: bytes | None) -> State:
        try:
            state = State() if data is None else self._decoder.decode(data)
        except ValueError as failure:
            raise self._damaged(failure) from None
        if state.format != FORMAT:
            raise DriverError(ErrorClass.UNSUPPORTED, f"{self.path} has format {state.format}; this is for {FORMAT}")
        return state

    @contextlib.contextmanager
    def changing(self) -> Iterator[State]:
        """Hold the state still. What is to be kept must be given to `write` before leaving."""
        with held(self.path.with_name(self.path.name + ".mutex"), wait=True):
            yield self._decoded(self._bytes())

    def write(self, state: State) -> None:
        """Replace the file at once: after a crash there is the old state or the new one."""
        temporary = self.path.with_name(self.path.name + ".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


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
