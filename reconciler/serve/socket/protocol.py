"""What goes over a controller's socket: one JSON document per line; one question, then answers until `End`."""

from __future__ import annotations

import msgspec

from reconciler.serve.controls import Push
from reconciler.serve.telling.journal import Entry
from reconciler.serve.telling.status import Status

VERSION = 1
LONGEST_QUESTION = 1 << 20
"""Bytes; a push of some thousand references fits in."""


class Check(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    """Check a push before it is accepted. Answered with `Text`; 0 is the code of a push that may pass."""

    push: Push


class Follow(msgspec.Struct, frozen=True, kw_only=True, tag="follow"):
    """Tell what becomes of a commit of the branch that deploys. Answered with `Text`."""

    commit: str
    by: str


class AskStatus(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """Answered with `Told`."""


class AskEvents(msgspec.Struct, frozen=True, kw_only=True, tag="events"):
    """Answered with `Happened`; with `follow` until whoever asks leaves."""

    after: int = 0
    follow: bool = False


class AskObservation(msgspec.Struct, frozen=True, kw_only=True, tag="observation"):
    """Answered with `Text`: the last complete look at the hosts, as it is published; nothing when there was none."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """Suspend, resume or accept. Answered with `Text` where there is something to say."""

    verb: str
    what: str
    by: str
    reason: str = ""


Question = Check | Follow | AskStatus | AskEvents | AskObservation | Command


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Text for whoever asked, safe for a terminal. An empty one is a sign of life (`ALIVE`), at any time."""

    text: str


ALIVE = Text(text="")
"""What the controller sends while there is nothing to say, so that one that hangs is told from one that works."""
SIGN_OF_LIFE = 5.0
"""Seconds after which it does."""


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """The status."""

    status: Status


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="happened"):
    """An entry of the journal."""

    entry: Entry


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end"):
    """No more comes. `code` is the exit code for whoever asked; `message` says why when it is a refusal. `stopped`: the
    controller was told to end, and the next one is to be asked. `worker`: it ends with its work, so that nobody tries
    again what failed.
    """

    code: int
    message: str = ""
    stopped: bool = False
    worker: bool = False


Answer = Text | Told | Happened | End


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it is sent: with the version of these messages, since the two ends may be installed apart."""

    version: int
    question: Question


class Unclear(ValueError):
    """What came over the socket is not understood; the message says why, for whoever sent it."""


class _Version(msgspec.Struct, frozen=True):
    version: int


_ENCODER = msgspec.json.Encoder()
_VERSION = msgspec.json.Decoder(_Version)
_QUESTION = msgspec.json.Decoder(Asked)
_ANSWER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
# Made here: several threads that begin to use a type at once end the process (`prepared`).


def asked(question: Question) -> bytes:
    """A question as a line."""
    return _ENCODER.encode(Asked(version=VERSION, question=question)) + b"\n"


def answered(answer: Answer) -> bytes:
    """An answer as a line."""
    return _ENCODER.encode(answer) + b"\n"


def question_of(line: bytes) -> Question:
    """The question in a line. Raises `Unclear`."""
    try:
        version = _VERSION.decode(line).version
        if version != VERSION:
            raise Unclear(
                f"you speak version {version} and the controller {VERSION}: install the same release for both"
            )
        return _QUESTION.decode(line).question
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Unclear(f"the question is not understood: {problem}") from problem


def answer_of(line: bytes) -> Answer:
    """The answer in a line. Raises `Unclear`."""
    try:
        return _ANSWER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Unclear(f"the controller's answer is not understood: {problem}") from problem
