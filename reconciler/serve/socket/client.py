"""Asking a controller over its socket: what hooks and commands do."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from reconciler.serve.socket.peer import Peer, peer_of
from reconciler.serve.socket.place import TO_BE_TAKEN, connect
from reconciler.serve.socket.protocol import ALIVE, Answer, End, Question, Unclear, answer_of, asked

_LONGEST_ANSWER = 64 << 20


class NoController(Exception):
    """Nobody answers there. `forbidden`: this user may not ask. `stuck`: somebody listens, and takes no connection."""

    def __init__(self, path: Path, problem: OSError) -> None:
        self.forbidden = problem.errno in (errno.EACCES, errno.EPERM)
        if problem.errno in (errno.ENOENT, errno.ECONNREFUSED):
            said = f"no controller listens at {path}"
        elif self.forbidden:
            said = f"you may not ask the controller at {path}: {problem.strerror}"
        else:
            said = f"no controller can be asked at {path}: {problem.strerror or problem}"
        super().__init__(said)
        self.stuck = problem.errno == errno.ETIMEDOUT


class HungUp(Exception):
    """The controller ended, or was ended, before it had said everything."""


class Silent(HungUp):
    """It is there and says nothing, nor that it lives; `do` is what whoever runs it can do about that."""

    def __init__(self, path: Path, patience: float | None, listener: Peer) -> None:
        since = f" for {patience:.0f} s" if patience else ""
        process = f" (process {listener.pid} of {listener.name})" if listener.pid else ""
        super().__init__(f"the controller at {path}{process} has given no sign of life{since}: it is stopped, or hangs")
        self.do = unstuck(listener.pid)


def unstuck(process: int = 0) -> str:
    """What whoever runs a controller can do when that is stopped, or hangs; `process` is 0 where it is not known."""
    number = str(process or "PROCESS")
    return (
        f"If it was stopped, it goes on with: kill -CONT {number}. If it hangs, end it: kill -9 {number}; what is left"
        " to do is done by the next one."
    )


def ask(path: Path, question: Question, patience: float | None = None, longest: float = math.inf) -> Generator[Answer]:
    """The answers to a question as they come; the last one is an `End`.

    `patience` is how many seconds to wait for each, or for a sign of life; for ever if None. `longest` is how many the
    whole may take. Raises `NoController`, `HungUp` (`Silent`), `Unclear`.
    """
    try:
        connection = connect(path, TO_BE_TAKEN if patience is None else min(TO_BE_TAKEN, patience))
    except OSError as problem:
        raise NoController(path, problem) from problem
    with connection:
        connection.settimeout(patience)
        try:
            with suppress(ConnectionError):  # it has hung up already; why is still to be read
                connection.sendall(asked(question))
            with connection.makefile("rb") as stream:
                yield from _answers(stream, time.monotonic() + longest)
        except TimeoutError as silence:
            raise Silent(path, patience, peer_of(connection)) from silence
        except OSError as problem:
            raise HungUp(f"the controller at {path} does not answer: {problem}") from problem


def _answers(stream: BinaryIO, until: float) -> Iterator[Answer]:
    while line := stream.readline(_LONGEST_ANSWER):
        answer = answer_of(line)
        if answer != ALIVE:
            yield answer
        if isinstance(answer, End):
            return
        if time.monotonic() > until:
            raise HungUp("the controller works on it for too long")
    raise HungUp("the controller ended before it had said everything")


__all__ = ["HungUp", "NoController", "Silent", "Unclear", "ask", "unstuck"]
