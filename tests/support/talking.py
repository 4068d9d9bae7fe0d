"""Conversations with a controller over its socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.serve.controls import Controls, Push, Refusal, Tell
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.peer import user_name
from reconciler.serve.socket.place import connect
from reconciler.serve.socket.protocol import Answer, End, answer_of
from reconciler.serve.socket.server import listening
from tests.support.controls import Remembering

COMMIT = "c" * 40
ME = user_name(os.geteuid())


def pass_on(push: Push, observation: bytes | None, tell: Tell) -> int:
    """A checker that says what it was asked, and refuses a push by nobody."""
    if push.by == "nobody":
        raise Refusal("nobody may push")
    tell(f"{len(push.updates)} references\n")
    return 0


@contextmanager
def desk(path: Path, controls: Controls) -> Iterator[Path]:
    """A controller's socket, that answers while the context lasts."""
    with listening(path, Answering(controls, pass_on).answer):
        yield path


def last(answers: Iterator[Answer]) -> End:
    """The last word."""
    end = list(answers)[-1]
    assert isinstance(end, End)
    return end


def say(path: Path, data: bytes) -> End:
    """Send bytes that no client of ours would send."""
    with connect(path) as connection, connection.makefile("rb") as stream:
        connection.settimeout(20)
        connection.sendall(data)
        end = answer_of(stream.readline())
        assert isinstance(end, End)
        return end


def listeners(controls: Remembering) -> int:
    """How many listen to what happens."""
    return len(controls.journal._listeners)
