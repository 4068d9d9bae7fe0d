"""Answers to what comes over the socket: each question is handed to the controller, and its words go back."""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable
from typing import Protocol

from reconciler.report.exits import Exit
from reconciler.serve.controls import Controls, Ending, Push, Refusal, Tell
from reconciler.serve.socket.peer import Peer, user_name
from reconciler.serve.socket.protocol import (
    Answer,
    AskEvents,
    AskObservation,
    AskStatus,
    Check,
    Command,
    End,
    Follow,
    Happened,
    Question,
    Text,
    Told,
)
from reconciler.serve.telling.journal import Entry

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PAUSE = 0.5
"""Seconds after which it is looked whether whoever asked for events has left."""


class Checker(Protocol):
    """Says whether a push may pass."""

    def __call__(self, push: Push, observation: bytes | None, tell: Tell) -> int:
        """Tell what is to be said of a push; 0 lets it pass. Raises `Refusal`."""


class Answering:
    """Answers questions, from any thread. `worker`: the controller ends with its work."""

    def __init__(self, controls: Controls, checker: Checker, *, worker: bool = False) -> None:
        self._controls = controls
        self._checker = checker
        self._worker = worker

    def answer(
        self, question: Question, peer: Peer, send: Callable[[Answer], None], gone: threading.Event
    ) -> End | None:
        """Send what there is to say, and give the last word; None when there is none, since the controller ends. `gone`
        is set when whoever asked has left.
        """
        try:
            return self._answer(question, peer, send, gone)
        except Ending as ending:
            return End(code=Exit.ERROR, stopped=True) if ending.stopped else None
        except Refusal as refusal:
            return End(code=Exit.ERROR, message=str(refusal))
        except Exception as failure:
            said = f"unexpected {type(failure).__name__}: {failure}"
            self._controls.journal.tell("SocketFailed", f"A question could not be answered: {said}", "error")
            return End(code=Exit.ERROR, message=said)

    def _answer(self, question: Question, peer: Peer, send: Callable[[Answer], None], gone: threading.Event) -> End:
        if isinstance(question, Follow):
            return self._follow(question, peer, send, gone)
        if isinstance(question, Check):
            with self._controls.checking():
                return End(code=self._checker(question.push, self._controls.observation(), _teller(send)))
        if isinstance(question, AskEvents):
            self._events(question, send, gone)
        elif isinstance(question, AskStatus):
            send(Told(status=self._controls.status()))
        elif isinstance(question, AskObservation):
            if (seen := self._controls.observation()) is not None:
                send(Text(text=seen.decode()))
        else:
            return self._command(question, peer, send)
        return End(code=0)

    def _follow(self, question: Follow, peer: Peer, send: Callable[[Answer], None], gone: threading.Event) -> End:
        if not _COMMIT.fullmatch(question.commit):
            raise Refusal("a commit is named by all digits of its id")
        code = self._controls.follow(question.commit, peer.known_as(question.by), _teller(send), gone)
        return End(code=code, worker=self._worker)

    def _events(self, question: AskEvents, send: Callable[[Answer], None], gone: threading.Event) -> None:
        if not question.follow:
            for entry in self._controls.journal.entries(question.after):
                send(Happened(entry=entry))
            return
        coming: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        with self._controls.journal.listening(coming.put) as before:
            for entry in before:
                if entry.number > question.after:
                    send(Happened(entry=entry))
            while not gone.is_set():
                try:
                    send(Happened(entry=coming.get(timeout=_PAUSE)))
                except queue.Empty:
                    continue

    def _command(self, question: Command, peer: Peer, send: Callable[[Answer], None]) -> End:
        if not peer.may_command:
            allowed = " and ".join(sorted({user_name(os.geteuid()), user_name(0)}))
            return End(code=Exit.REFUSED, message=f"only {allowed} may do that, and you are {peer.name}")
        by = peer.known_as(question.by)
        if question.verb == "suspend":
            if said := self._controls.suspend(question.what, by, question.reason):
                send(Text(text=said))
        elif question.verb == "resume":
            self._controls.resume(question.what, by)
        elif question.verb == "accept":
            self._controls.accept(question.what, by)
        else:
            raise Refusal(f"there is no command {question.verb!r}")
        return End(code=0)


def _teller(send: Callable[[Answer], None]) -> Tell:
    return lambda text: send(Text(text=text))
