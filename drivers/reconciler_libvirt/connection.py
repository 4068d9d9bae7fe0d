"""The connection to one libvirt daemon: opened with a time limit, and watched as long as it lasts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

import libvirt

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.errors import classify

PATIENCE = 20.0
"""Seconds that a daemon has to accept us; as long as it has to show a sign of life afterwards."""
_INTERVAL, _COUNT = 5, 3
"""A daemon that leaves four questions unanswered, one every five seconds, is given up: 20 s. A slow one answers them,
however long its work takes, and is waited for."""
_starting = threading.Lock()
_started: list[threading.Thread] = []


class Link:
    """An open connection. `handle` is libvirt's; every call on it fails once the daemon went away or fell silent."""

    def __init__(self, handle: libvirt.virConnect) -> None:
        self.handle = handle
        self._reason: int | None = None
        self._turn = threading.Lock()
        self._listeners: list[Callable[[str], None]] = []
        self._told = False
        handle.registerCloseCallback(self._closed, None)
        with calls("asking for signs of life"):
            handle.setKeepAlive(_INTERVAL, _COUNT)

    def _closed(self, handle: libvirt.virConnect, reason: int, opaque: object) -> None:
        self._reason = reason
        self.tell_lost()

    def when_lost(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called, once, with words for people when the connection is lost; at once if it is so already."""
        with self._turn:
            told = self._told
            self._listeners.append(tell)
        if told:
            tell(self._why)

    def tell_lost(self) -> None:
        """Tell those who want to know that the connection is lost: whoever finds that first says so."""
        with self._turn:
            listeners, self._told = () if self._told else tuple(self._listeners), True
        for tell in listeners:
            tell(self._why)

    @property
    def _why(self) -> str:
        return "libvirt's daemon gave no sign of life" if self.silent else "the connection to libvirt's daemon ended"

    @property
    def alive(self) -> bool:
        """Whether it can be used, as far as is known."""
        return self._reason is None and bool(self.handle.isAlive())

    @property
    def silent(self) -> bool:
        """Whether it ended because the daemon gave no sign of life any more, rather than by the daemon's end."""
        return bool(self._reason == libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE)

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(libvirt.libvirtError):
            self.handle.unregisterCloseCallback()
        self.handle.close()


def connect(uri: str, patience: float = PATIENCE) -> Link:
    """Open a connection. Raises `DriverError`, also when the daemon accepts it and says nothing for `patience` seconds.

    A call that hangs in libvirt cannot be ended, only left behind.
    """
    _start_events()
    answers: SimpleQueue[Link | DriverError] = SimpleQueue()
    threading.Thread(target=_open, args=(uri, answers.put), name=f"open {uri}", daemon=True).start()
    try:
        answer = answers.get(timeout=patience)
    except Empty:
        raise SilenceError(f"libvirt's daemon at {uri} accepts connections and does not answer") from None
    if isinstance(answer, DriverError):
        raise answer
    return answer


class SilenceError(DriverError):
    """A daemon that hangs. Nothing is gained by asking it again at once."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorClass.YOURS, f"{message}; look whether it hangs, and restart it: guests run on meanwhile")


def _open(uri: str, answer: Callable[[Link | DriverError], None]) -> None:
    try:
        with calls(f"connecting to {uri}"):
            answer(Link(libvirt.open(uri)))
    except DriverError as error:
        answer(error)


def _start_events() -> None:
    """libvirt's event loop: it has to be there before the first connection, and it is what notices silence."""
    with _starting:
        if not _started:
            # libvirt's habit of printing errors is switched off: they are raised.
            libvirt.registerErrorHandler(lambda context, error: None, None)
            libvirt.virEventRegisterDefaultImpl()
            _started.append(threading.Thread(target=_run_events, name="libvirt events", daemon=True))
            _started[0].start()


def _run_events() -> None:
    while True:
        with contextlib.suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()


@contextlib.contextmanager
def calls(doing: str) -> Iterator[None]:
    """Turn libvirt's errors into the core's, with what was being done."""
    try:
        yield
    except libvirt.libvirtError as error:
        code, domain = error.get_error_code() or 0, error.get_error_domain() or 0
        message = error.get_error_message() or str(error)
        raise DriverError(classify(code, domain, message), f"{doing}: {message}") from error


@contextlib.contextmanager
def unless(*accepted: ErrorClass) -> Iterator[None]:
    """Pass over errors of these classes: what was to be made exists, what was to be deleted is gone."""
    try:
        yield
    except DriverError as error:
        if error.error_class not in accepted:
            raise
