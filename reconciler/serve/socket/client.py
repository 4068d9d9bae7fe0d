"""Asking a controller over its socket: what hooks and commands do."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.serve.socket.place import TO_BE_TAKEN, connect
from reconciler.serve.socket.protocol import ALIVE, Answer, End, Question, Unclear, answer_of, asked

_LONGEST_ANSWER = 64 << 20


class NoController(Exception):  # noqa: N818 - it is no error of the program
    """Nobody answers there. `forbidden`: this user may not ask. `stuck`: somebody listens, and takes no connection."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(f"no controller can be asked at {path}: {problem.strerror or problem}")
        self.forbidden = problem.errno in (errno.EACCES, errno.EPERM)
        self.stuck = problem.errno == errno.ETIMEDOUT


class HungUp(Exception):  # noqa: N818 - it is no error of the program
    """The controller ended, or was ended, before it had said everything."""


def ask(path: Path, question: Question, patience: float | None = None, longest: float = math.inf) -> Iterator[Answer]:
    """The answers to a question as they come; the last one is an `End`.

    `patience` is how many seconds to wait for each, or for a sign of life; for ever if None. `longest` is how many the
    whole may take. Raises `NoController`, `HungUp`, `Unclear`.
    """
    try:
        connection = connect(path, TO_BE_TAKEN if patience is None else min(TO_BE_TAKEN, patience))
    except OSError as problem:
        raise NoController(path, problem) from problem
    with connection:
        connection.settimeout(patience)
        try:
            connection.sendall(asked(question))
            with connection.makefile("rb") as stream:
                yield from _answers(stream, time.monotonic() + longest)
        except OSError as problem:
            raise HungUp(f"the controller at {path} does not answer: {problem}") from problem


def _answers(stream: object, until: float) -> Iterator[Answer]:
    while line := stream.readline(_LONGEST_ANSWER):  # type: ignore[attr-defined]
        answer = answer_of(line)
        if answer != ALIVE:
            yield answer
        if isinstance(answer, End):
            return
        if time.monotonic() > until:
            raise HungUp("the controller works on it for too long")
    raise HungUp("the controller ended before it had said everything")


__all__ = ["HungUp", "NoController", "Unclear", "ask"]
