"""What can be asked of a controller: by hooks and commands over its socket, and over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Status

Tell = Callable[[str], None]
"""Takes text for whoever asked, as it comes; it never waits, and a reader that left is no error."""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """A reference that a push moves, from one object to another; all zeros where there is none."""

    ref: str
    old: str
    new: str


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A push that Git has received and not yet accepted. Its objects are in quarantine: `objects` is the folder in
    which they are. `by` is who says to push.
    """

    updates: tuple[Update, ...]
    objects: str = ""
    by: str = ""


class Refusal(Exception):
    """What was asked cannot be done; the message says why, and what to do instead."""


class Ending(Exception):
    """The controller is about to end and takes nothing up any more: ask the one after it. `stopped`: it was told to end
    while somebody followed it, who has heard of that.
    """

    def __init__(self, *, stopped: bool = False) -> None:
        super().__init__()
        self.stopped = stopped


class Controls(Protocol):
    """A running controller. All of it may be called from any thread."""

    journal: Journal

    def status(self) -> Status:
        """What it knows about itself, at once: nobody is waited for."""

    def hint(self, why: str) -> None:
        """It may be worth looking at the repository now; returns at once."""

    def observation(self) -> bytes | None:
        """The last complete look at the hosts, as it is published (redacted); None before there was one."""

    def checking(self) -> AbstractContextManager[None]:
        """A push is checked as long as this lasts: one that ends with its work stays for it, and a moment longer, since
        whoever pushes then follows. Raises `Ending`.
        """

    def follow(self, commit: str, by: str, tell: Tell, gone: threading.Event) -> int:
        """Tell what becomes of a pushed commit until the run that has it, or a later one, has ended: the plan, its
        progress, a summary; or until whoever asked is `gone`. Gives the exit code that `apply` would have. Whoever
        follows holds up nothing. Raises `Ending`.
        """

    def suspend(self, what: str, by: str, reason: str) -> str:
        """Leave `fleet`, `Host/NAME` or a resource alone until it is resumed; what is to be said of that, if anything.
        Raises `Refusal`.
        """

    def resume(self, what: str, by: str) -> None:
        """Take up what was suspended, or given up after too many reverts. Raises `Refusal`."""

    def accept(self, commit: str, by: str) -> None:
        """Deploy a commit although the branch was taken back or written anew. Raises `Refusal`."""
