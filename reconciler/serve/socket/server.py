"""The controller's socket: it answers questions, and no one who asks can make the controller wait."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.serve.outbox import Outbox
from reconciler.serve.socket.peer import Peer, peer_of
from reconciler.serve.socket.place import bound
from reconciler.serve.socket.places import Places
from reconciler.serve.socket.protocol import (
    ALIVE,
    LONGEST_QUESTION,
    SIGN_OF_LIFE,
    Answer,
    End,
    Question,
    Text,
    Unclear,
    answered,
    question_of,
)

_TO_ASK = 10.0
"""Seconds in which a question must have come."""
_TO_HEAR_THE_END = 10.0
"""Seconds that somebody who does not read is waited for once all is said."""
_LOOK = 0.5
"""Seconds between looks whether whoever asked is still there."""

Answerer = Callable[[Question, Peer, Callable[[Answer], None], threading.Event], End | None]
"""Answers a question of a peer by what it sends, and gives the last word; without one the peer is hung up on. The event
says that the peer has left.
"""


@contextmanager
def listening(
    path: Path,
    answer: Answerer,
    patience: float = 0.0,
    sign_of_life: float = SIGN_OF_LIFE,
    dead: Callable[[], object] = bool,
) -> Iterator[None]:
    """Answer whoever connects to the socket at a path while the context lasts. At its end everybody is told what was
    said until then. Who waits for an answer gets a sign of life after so many seconds of silence, unless the thread
    that works is `dead`.

    Raises `Taken` when another controller listens there and has not ended after `patience` seconds, and `OSError`.
    """
    with bound(path, patience) as server:
        desk = _Desk(answer, sign_of_life, dead)
        accepting = threading.Thread(target=desk.accept, args=(server,), name="socket", daemon=True)
        accepting.start()
        try:
            yield
        finally:
            desk.close(server)
            accepting.join()


class _Desk:
    """All conversations, a thread for each one that speaks and one for each that sends."""

    def __init__(self, answer: Answerer, sign_of_life: float, dead: Callable[[], object]) -> None:
        self._answer = answer
        self._sign_of_life, self._dead = sign_of_life, dead
        self._places = Places()
        self._closing = threading.Event()
        self._talks: set[threading.Thread] = set()

    def accept(self, server: socket.socket) -> None:
        """Take connections until the socket is shut down."""
        while not self._closing.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                self._closing.wait(_LOOK)  # shut down; or out of file descriptors, say, which passes
            else:
                self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        try:
            peer = peer_of(connection)
        except OSError:
            connection.close()
            return
        if why := self._places.take(peer):
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.setblocking(False)
                connection.send(answered(End(code=1, message=why)))
            return
        talk = threading.Thread(target=self._talk, args=(connection, peer), name="conversation", daemon=True)
        try:
            talk.start()
        except RuntimeError:  # no thread can be had; others end
            connection.close()
            self._places.leave(peer)
        else:
            self._talks = {each for each in self._talks if each.is_alive()} | {talk}

    def _talk(self, connection: socket.socket, peer: Peer) -> None:
        speaking, gone = None, threading.Event()
        try:
            with contextlib.closing(connection), contextlib.suppress(OSError):
                outbox = Outbox(_left_out)
                speaking = self._ask(connection, peer, outbox, gone)
                self._send_all(connection, outbox)
        finally:
            gone.set()
            if speaking is not None:
                speaking.join()
            self._places.leave(peer)

    def _ask(
        self, connection: socket.socket, peer: Peer, outbox: Outbox, gone: threading.Event
    ) -> threading.Thread | None:
        """Read the question, and let it be answered beside the sending."""
        try:
            question = question_of(_line(connection))
        except Unclear as unclear:
            outbox.close(answered(End(code=1, message=str(unclear))))
            return None
        speaking = threading.Thread(target=self._speak, args=(question, peer, outbox, gone), daemon=True)
        speaking.start()
        return speaking

    def _speak(self, question: Question, peer: Peer, outbox: Outbox, gone: threading.Event) -> None:
        end = self._answer(question, peer, lambda answer: outbox.put(answered(answer)), gone)
        outbox.close(answered(end) if end else b"")

    def _send_all(self, connection: socket.socket, outbox: Outbox) -> None:
        """Send what comes until there is no more, the other end has left, or we close."""
        said = time.monotonic()
        try:
            while (message := outbox.take(min(_LOOK, self._sign_of_life))) is not None:
                if not message and (_left(connection) or self._closing.is_set()):
                    return
                if not message and time.monotonic() - said >= self._sign_of_life and not self._dead():
                    message = answered(ALIVE)
                if message:
                    _send(connection, message, outbox)
                    said = time.monotonic()
        finally:
            outbox.discard()

    def close(self, server: socket.socket) -> None:
        """Take no further connections and end all conversations: what was said is sent, as far as it is read."""
        self._closing.set()
        server.shutdown(socket.SHUT_RDWR)
        until = time.monotonic() + 2 * _LOOK + 1
        for talk in self._talks:
            talk.join(max(until - time.monotonic(), 0))


def _line(connection: socket.socket) -> bytes:
    """The first line that comes. Raises `Unclear` when it is too long or does not come, and `OSError`."""
    until, line = time.monotonic() + _TO_ASK, b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(until - time.monotonic(), 0.001))
        try:
            more = connection.recv(1 << 16)
        except TimeoutError:
            raise Unclear(f"no question came within {_TO_ASK:.0f} seconds") from None
        if not more:
            raise Unclear("the question has no end")
        line += more
        if len(line) > LONGEST_QUESTION:
            raise Unclear(f"the question has more than {LONGEST_QUESTION:,} bytes")
    return line


def _send(connection: socket.socket, message: bytes, outbox: Outbox) -> None:
    """Send a message to somebody who may take their time, but not after the end. Raises `OSError`."""
    connection.settimeout(_LOOK)
    view, since = memoryview(message), time.monotonic()
    while view:
        try:
            view = view[connection.send(view) :]
            since = time.monotonic()
        except TimeoutError:
            if outbox.over and time.monotonic() - since > _TO_HEAR_THE_END:
                raise


def _left(connection: socket.socket) -> bool:
    """Whether the other end has closed."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def _left_out(number: int) -> bytes:
    return answered(Text(text=f"({number} messages are left out here: they were not read in time)\n"))
