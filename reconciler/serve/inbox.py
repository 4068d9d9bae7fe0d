"""What a controller was told and has not yet acted on: names at most, each once, however often it was told."""

from __future__ import annotations

import threading
import time

import msgspec

from reconciler.address import Address
from reconciler.driver import Notice

SETTLE = 0.05
"""Seconds for which further notices are gathered: what happens to a host comes in bursts."""
MOST_NAMES = 1000
"""Addresses of one host that are remembered; of more, it is enough to know the host."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came together. `whole` says why all is to be looked at, or nothing. `hosts` are those to look at, and what
    was named there; `lost` are those whose connection is gone. `asked`: somebody wants something looked into at once.
    `heard` is when the first notice of a host came, on the monotonic clock.
    """

    whole: str = ""
    hosts: dict[str, frozenset[Address]] = {}
    lost: frozenset[str] = frozenset()
    asked: bool = False
    heard: float | None = None

    @property
    def nothing(self) -> bool:
        """Whether nothing was told."""
        return not (self.whole or self.hosts or self.lost or self.asked)


class Inbox:
    """Gathers what is told from any thread, for the one that acts on it. Its size is bounded by what there is."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._whole = ""
        self._hosts: dict[str, set[Address]] = {}
        self._lost: set[str] = set()
        self._asked = self._closed = False
        self._heard: float | None = None

    def whole(self, why: str) -> None:
        """All is to be looked at."""
        with self._changed:
            self._whole = self._whole or why
            self._changed.notify_all()

    def ask(self) -> None:
        """Look at what was asked, or at the branch."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def notice(self, notice: Notice) -> None:
        """A host told something. Returns at once."""
        with self._changed:
            self._heard = self._heard or time.monotonic()
            names = self._hosts.setdefault(notice.host, set())
            if notice.address is not None and len(names) < MOST_NAMES:
                names.add(notice.address)
            if notice.lost:
                self._lost.add(notice.host)
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody is to wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be acted on."""
        with self._changed:
            return self._nothing()

    def take(self, until: float) -> Told:
        """What was told, as soon as there is something; nothing when the monotonic clock passes `until` before."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._nothing(), max(0.0, until - time.monotonic()))
            if self._hosts and not self._closed:
                self._changed.wait_for(lambda: self._closed, SETTLE)
            told = Told(
                whole=self._whole,
                hosts={host: frozenset(names) for host, names in self._hosts.items()},
                lost=frozenset(self._lost),
                asked=self._asked,
                heard=self._heard,
            )
            self._whole, self._asked = "", False
            self._hosts, self._lost, self._heard = {}, set(), None
            return told

    def _nothing(self) -> bool:
        return not (self._whole or self._hosts or self._lost or self._asked)
