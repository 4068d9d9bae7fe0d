"""Asking a controller over its socket: what hooks and commands do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

from reconciler.serve.socket.place import connect
from reconciler.serve.socket.protocol import Answer, End, Question, Unclear, answer_of, asked

_LONGEST_ANSWER = 64 << 20


class NoController(Exception):  # noqa: N818 - it is no error of the program
    """Nobody answers there. `forbidden`: this user may not ask."""

    def __init__(self, path: Path, problem: OSError) -> None:
        super().__init__(f"no controller can be asked at {path}: {problem.strerror or problem}")
        self.forbidden = problem.errno in (errno.EACCES, errno.EPERM)


class HungUp(Exception):  # noqa: N818 - it is no error of the program
    """The controller ended, or was ended, before it had said everything."""


def ask(path: Path, question: Question, patience: float | None = None) -> Iterator[Answer]:
    """The answers to a question as they come; the last one is an `End`.

    `patience` is how many seconds to wait for each; for ever if None. Raises `NoController`, `HungUp`, `Unclear`.
    """
    try:
        connection = connect(path)
    except OSError as problem:
        raise NoController(path, problem) from problem
    with connection:
        connection.settimeout(patience)
        try:
            connection.sendall(asked(question))
            with connection.makefile("rb") as stream:
                yield from _answers(stream)
        except OSError as problem:
            raise HungUp(f"the controller at {path} does not answer: {problem}") from problem


def _answers(stream: object) -> Iterator[Answer]:
    while line := stream.readline(_LONGEST_ANSWER):  # type: ignore[attr-defined]
        answer = answer_of(line)
        yield answer
        if isinstance(answer, End):
            return
    raise HungUp("the controller ended before it had said everything")


__all__ = ["HungUp", "NoController", "Unclear", "ask"]
