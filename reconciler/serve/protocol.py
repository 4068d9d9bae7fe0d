"""What goes over a controller's socket: one JSON document per line; one question, then answers until `End`."""

from __future__ import annotations

import msgspec

from reconciler.serve.controls import Push
from reconciler.serve.journal import Entry
from reconciler.serve.status import Status

VERSION = 1


class Check(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    """Judge a push before it is accepted."""

    push: Push


class Follow(msgspec.Struct, frozen=True, kw_only=True, tag="follow"):
    """Tell what becomes of a commit of the branch that deploys."""

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
    """Suspend, resume or accept."""

    verb: str
    what: str
    by: str
    reason: str = ""


Question = Check | Follow | AskStatus | AskEvents | AskObservation | Command


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Text for whoever asked, safe for a terminal."""

    text: str


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """The status."""

    status: Status


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag="happened"):
    """An entry of the journal."""

    entry: Entry


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end"):
    """No more comes. `code` is the exit code for whoever asked; `message` says why when it is a refusal."""

    code: int
    message: str = ""


Answer = Text | Told | Happened | End
