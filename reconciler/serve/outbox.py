"""What is to be sent to somebody who may read slowly, or may have left."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

MOST_BYTES = 4 << 20


class Outbox:
    """Messages that wait to be sent. Putting one in never waits: what there is no room for is left out, and counted.

    `left_out` makes the message that says how many those were.
    """

    def __init__(self, left_out: Callable[[int], bytes], most: int = MOST_BYTES) -> None:
        self._messages: deque[bytes] = deque()
        self._size, self._most = 0, most
        self._missing, self._left_out = 0, left_out
        self._over = False
        self._changed = threading.Condition()

    def put(self, message: bytes) -> None:
        """Send this some time. One message has room however large it is."""
        with self._changed:
            if self._over:
                return
            if self._messages and self._size + len(message) > self._most:
                self._missing += 1
                return
            self._own_up()
            self._append(message)

    def close(self, last: bytes = b"") -> None:
        """Nothing comes after this one, for which there is always room."""
        with self._changed:
            if not self._over:
                self._own_up()
                if last:
                    self._append(last)
            self._over = True
            self._changed.notify_all()

    def discard(self) -> None:
        """Whoever it is for has left."""
        with self._changed:
            self._messages.clear()
            self._over = True
            self._changed.notify_all()

    def take(self, patience: float) -> bytes | None:
        """The next message; empty when none came within so many seconds, None when none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._over, timeout=patience)
            if not self._messages:
                return None if self._over else b""
            message = self._messages.popleft()
            self._size -= len(message)
            return message

    @property
    def over(self) -> bool:
        """Whether nothing further will come in."""
        return self._over

    def _own_up(self) -> None:
        if self._missing:
            self._append(self._left_out(self._missing))
            self._missing = 0

    def _append(self, message: bytes) -> None:
        self._messages.append(message)
        self._size += len(message)
        self._changed.notify_all()
