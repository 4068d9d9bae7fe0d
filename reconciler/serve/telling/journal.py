"""What a controller did and noticed, as it happens: its log, its events, and what a pusher sees are made of these."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

import msgspec

MOST_KEPT = 1000
Severity = Literal["debug", "info", "warning", "error"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that happened. `number` grows by one; `reason` is a stable word in CamelCase, `message` is for people
    and holds no secret. `verb` is that of a step; `seconds` is how long it took, where that says something.
    """

    number: int
    time: str
    severity: Severity
    reason: str
    message: str
    address: str = ""
    host: str = ""
    commit: str = ""
    verb: str = ""
    seconds: float | None = None


class Journal:
    """The newest entries, and whoever listens for further ones. All of it may be used from any thread."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: deque[Entry] = deque(maxlen=most)
        self._listeners: list[Callable[[Entry], None]] = []
        self._numbers = itertools.count(1)
        self._turn = threading.Lock()

    def tell(
        self,
        reason: str,
        message: str,
        severity: Severity = "info",
        *,
        address: str = "",
        host: str = "",
        commit: str = "",
        verb: str = "",
        seconds: float | None = None,
    ) -> None:
        """Something happened. Listeners hear it before this returns; they must not wait for anything."""
        with self._turn:
            entry = Entry(
                number=next(self._numbers),
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                severity=severity,
                reason=reason,
                message=message,
                address=address,
                host=host,
                commit=commit,
                verb=verb,
                seconds=seconds,
            )
            self._kept.append(entry)
            for listener in self._listeners:
                listener(entry)

    def entries(self, after: int = 0) -> list[Entry]:
        """Those that are kept with a number above `after`, oldest first."""
        with self._turn:
            return [entry for entry in self._kept if entry.number > after]

    @contextmanager
    def listening(self, listener: Callable[[Entry], None]) -> Iterator[list[Entry]]:
        """Let a listener hear all entries from now on; what there was before is given."""
        with self._turn:
            self._listeners.append(listener)
            before = list(self._kept)
        try:
            yield before
        finally:
            with self._turn:
                self._listeners.remove(listener)
