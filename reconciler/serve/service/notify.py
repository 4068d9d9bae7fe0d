"""What systemd hears of a service of type `notify`, see sd_notify(3): that it is ready, how it is, that it lives."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

from reconciler.report.line import escape

_LOOK = 5.0
"""Seconds after which a changed state is told, at the latest."""
_LONGEST = 500


class Manager:
    """The service manager that started us, if one did. It is taken out of the environment: what we start is not us."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.patience = int(microseconds) / 1e6 if meant and microseconds.isdigit() else None
        """Seconds in which it wants a sign of life; None when it wants none."""

    @property
    def listens(self) -> bool:
        """Whether there is one."""
        return bool(self._address)

    def tell(self, **fields: str) -> None:
        """Tell it something. It never waits, and that nobody hears it is no error."""
        if not self._address:
            return
        lines = "\n".join(f"{name}={escape(value)[:_LONGEST]}" for name, value in fields.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)
            out.sendto(lines.encode(), address)


@contextmanager
def managed(manager: Manager, dead: Callable[[], str], state: Callable[[], str]) -> Iterator[None]:
    """Tell the service manager that we are ready, and then that we live, for as long as `dead` says nothing; `state`
    is for people who ask it how we are.
    """
    over = threading.Event()
    living = threading.Thread(target=_live, args=(manager, dead, state, over), name="notify", daemon=True)
    if manager.listens:
        living.start()
    manager.tell(READY="1")
    try:
        yield
    finally:
        over.set()
        if manager.listens:
            living.join(_LOOK)
        manager.tell(STOPPING="1", STATUS="finishing running steps")


def _live(manager: Manager, dead: Callable[[], str], state: Callable[[], str], over: threading.Event) -> None:
    """A sign of life is given three times while one is due."""
    told = ""
    while True:
        why = dead()
        now = why or _stated(state)
        if not why and manager.patience is not None:
            manager.tell(WATCHDOG="1")
        if now != told:
            manager.tell(STATUS=now)
            told = now
        if over.wait(min(_LOOK, (manager.patience or _LOOK) / 3)):
            return


def _stated(state: Callable[[], str]) -> str:
    try:
        return state()
    except Exception as bug:
        return f"its state cannot be told: unexpected {type(bug).__name__}"
