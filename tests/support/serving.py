"""A controller as a process of its own, and what it says when it is asked."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.serve.socket.client import HungUp, NoController, ask
from reconciler.serve.socket.protocol import (
    Answer,
    AskEvents,
    AskStatus,
    Command,
    End,
    Follow,
    Happened,
    Question,
    Text,
    Told,
)
from reconciler.serve.telling.journal import Entry
from reconciler.serve.telling.status import Condition, ResourceStatus, Status
from tests.support.command import Desk

PATIENCE = 30.0
"""Seconds after which what is waited for counts as never coming."""


class Followed(threading.Thread):
    """Somebody who follows a commit: what they heard, and the exit code; -1 when the controller ended before."""

    def __init__(self, socket: Path, commit: str) -> None:
        super().__init__(daemon=True)
        self._socket, self._commit = socket, commit
        self.text, self.code = "", -1
        self.start()

    def run(self) -> None:
        try:
            for answer in ask(self._socket, Follow(commit=self._commit, by="ann"), PATIENCE):
                if isinstance(answer, Text):
                    self.text += answer.text
                elif isinstance(answer, End):
                    self.code = answer.code
        except (HungUp, NoController):
            self.code = -1

    def heard(self) -> tuple[str, int]:
        """All of it, once it is over."""
        self.join(timeout=PATIENCE)
        assert not self.is_alive(), f"there is no end to: {self.text}"
        return self.text, self.code


class Serving:
    """`reconciler serve` for the repository of a desk. As a context it is stopped at the end."""

    def __init__(self, desk: Desk, *arguments: str, **environment: Any) -> None:
        self.socket = desk.repo / ".git" / "reconciler" / "serve.sock"
        self.log = desk.home / "serve.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reconciler", "serve", "--verbose", *arguments],
                cwd=desk.repo,
                env=desk.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=PATIENCE)
            finally:
                self.process.kill()

    def stop(self) -> int:
        """Ask it to end, once; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)

    def status(self) -> Status:
        """What it knows about itself."""
        told = [each.status for each in self.answers(AskStatus()) if isinstance(each, Told)]
        return told[0]

    def events(self) -> list[Entry]:
        """What happened so far."""
        return [each.entry for each in self.answers(AskEvents()) if isinstance(each, Happened)]

    def told(self, reason: str) -> list[Entry]:
        """What happened for that reason."""
        return [each for each in self.events() if each.reason == reason]

    def command(self, verb: str, what: str, reason: str = "") -> str:
        """Have it do something; gives why not, if so."""
        *_, last = self.answers(Command(verb=verb, what=what, by="ann", reason=reason))
        assert isinstance(last, End)
        return last.message

    def answers(self, question: Question) -> list[Answer]:
        """All that it says to a question, as soon as it listens. What was forked by one that was killed may hold the
        old socket until it becomes another program, and hangs up then.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return list(ask(self.socket, question, PATIENCE))
            except (NoController, HungUp):
                assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
                assert time.monotonic() < end, "it does not listen"
                time.sleep(0.02)

    def follow(self, commit: str) -> Followed:
        """Follow a commit beside."""
        self.status()
        return Followed(self.socket, commit)

    def until(self, true: Callable[[Status], object]) -> Status:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while not true(now := self.status()):
            assert time.monotonic() < end, f"{now}\n{self.log.read_text(encoding='utf-8')}"
            time.sleep(0.02)
        return now

    def until_told(self, reason: str, times: int) -> Status:
        """Wait until something has happened so often."""
        return self.until(lambda now: len(self.told(reason)) >= times)

    def until_done(self, commit: str) -> Status:
        """Wait until a commit was carried out."""
        return self.until(lambda now: now.in_force == commit and condition(now, "Ready").status == "True")


def condition(status: Status, kind: str) -> Condition:
    """One of the conditions; one without a reason before it is known."""
    unknown = Condition(type="Ready", status="Unknown", reason="")
    return next((each for each in status.conditions if each.type == kind), unknown)


def resource(status: Status, address: str) -> ResourceStatus | None:
    """What is said about a resource, if anything is."""
    return next((each for each in status.resources if each.address == address), None)


def told_of(status: Status, address: str) -> ResourceStatus:
    """What is said about a resource, of which something has to be said."""
    found = resource(status, address)
    assert found is not None, status
    return found
