"""The conditions of a controller, each with the time since when it is so."""

from __future__ import annotations

import threading
from typing import Literal, get_args

from reconciler.serve.links import now
from reconciler.serve.telling.status import Condition, State

Type = Literal["Ready", "SourceReady", "CommitValid", "HostsReady", "Leading", "Recorded", "Suspended", "Contended"]
ORDER: tuple[Type, ...] = get_args(Type)


class Conditions:
    """What is so. It may be used from any thread."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._held: dict[Type, Condition] = {}

    def put(self, kind: Type, state: State, reason: str, message: str = "") -> bool:
        """It is so from now on; whether that is something new."""
        with self._turn:
            before = self._held.get(kind)
            if before and (before.status, before.reason, before.message) == (state, reason, message):
                return False
            since = before.since if before and before.status == state else now()
            self._held[kind] = Condition(type=kind, status=state, reason=reason, message=message, since=since)
            return True

    def get(self, kind: Type) -> Condition | None:
        """One of them."""
        return self._held.get(kind)

    @property
    def all(self) -> tuple[Condition, ...]:
        """All that are known, in a stable order."""
        with self._turn:
            return tuple(self._held[kind] for kind in ORDER if kind in self._held)
