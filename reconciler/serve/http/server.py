"""The HTTP server: few threads, short patience, and nothing that goes wrong here reaches the controller."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from reconciler.serve.http.places import Places
from reconciler.serve.http.request import Refused, Reply, Request, text
from reconciler.serve.telling.journal import Journal

MOST_AT_ONCE = 32
MOST_BYTES = 1 << 20
"""What may be sent to us."""
_PATIENCE = 10.0
"""Seconds between two bytes of a request."""
_LIFE = 30.0
"""Seconds that a conversation may take as a whole."""
_AGAIN = 5.0
"""Seconds after which an address that could not be had is tried again: another controller here may have it."""
_TURN = 0.5
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

Answerer = Callable[[Request], Reply]
_Incoming = socket.socket | tuple[bytes, socket.socket]
"""What the library's servers take, which are of TCP or UDP."""


@contextmanager
def serving(listen: str, answer: Answerer, journal: Journal) -> Iterator[None]:
    """Answer requests at an address and port while the context lasts. While that cannot be had, the journal says so,
    and it is tried again.
    """
    service = _Service(listen, answer, journal)
    service.start()
    try:
        yield
    finally:
        service.end()


class _Service(threading.Thread):
    def __init__(self, listen: str, answer: Answerer, journal: Journal) -> None:
        super().__init__(name="http", daemon=True)
        self._listen, self._answer, self._journal = listen, answer, journal
        self._over = threading.Event()
        self._server: _Server | None = None

    def run(self) -> None:
        """Have the address, and answer there."""
        refused = ""
        while not self._over.is_set():
            try:
                self._server = _Server(self._listen, self._answer, self._journal)
            except OSError as problem:
                if str(problem) != refused:
                    refused = str(problem)
                    what = f"HTTP cannot be served at {self._listen}: {problem.strerror}; it is tried again and again"
                    self._journal.tell("HttpUnavailable", what, "error")
                self._over.wait(_AGAIN)
                continue
            with self._server:
                self._journal.tell("HttpServed", f"HTTP is served at {self._server.place}")
                self._server.turn(self._over)
            return

    def end(self) -> None:
        """Answer nobody any more; conversations that have begun go on until we end."""
        self._over.set()
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.socket.shutdown(socket.SHUT_RDWR)
        self.join(timeout=_LIFE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_AT_ONCE

    def __init__(self, listen: str, answer: Answerer, journal: Journal) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer, self.journal = answer, journal
        self._places: Places[socket.socket] = Places(MOST_AT_ONCE)
        super().__init__((host, int(port)), _Handler)

    def server_bind(self) -> None:
        """Bind, and ask no name server who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def place(self) -> str:
        """Where it listens."""
        return (
            f"[{self.server_name}]:{self.server_port}"
            if ":" in self.server_name
            else (f"{self.server_name}:{self.server_port}")
        )

    def turn(self, over: threading.Event) -> None:
        """Take requests until it is over."""
        self.timeout = _TURN
        while not over.is_set():
            self.handle_request()
            self.service_actions()

    def service_actions(self) -> None:
        """End conversations that last too long, however busy they are."""
        for request in self._places.older(time.monotonic() - _LIFE):
            _end(request)

    def process_request(self, request: _Incoming, client_address: tuple[str, int]) -> None:
        """In a thread, if there is a place."""
        assert isinstance(request, socket.socket), "it comes over TCP"
        found, slowest = self._places.take(request, time.monotonic())
        if slowest is not None:
            _end(slowest)
        if not found:
            with contextlib.suppress(OSError):
                request.setblocking(False)
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._places.leave(request)
            raise

    def process_request_thread(self, request: _Incoming, client_address: tuple[str, int]) -> None:
        """One conversation."""
        assert isinstance(request, socket.socket), "it comes over TCP"
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.leave(request)

    @contextlib.contextmanager
    def waiting(self, request: socket.socket) -> Iterator[None]:
        """While the context lasts, the other end is waited for."""
        self._places.waited_for(request, time.monotonic())
        try:
            yield
        finally:
            self._places.waited_for(request, None)

    def heard(self, request: socket.socket) -> None:
        """The other end waits for us."""
        self._places.waited_for(request, None)

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has left, or we failed: neither is told on standard error."""


def _end(request: socket.socket) -> None:
    """End a conversation: whoever waits there, in another thread, waits no longer."""
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE

    def version_string(self) -> str:
        """Who answers; which version is for those to know who may see the metrics."""
        return "reconciler"

    def do_GET(self) -> None:
        """Answer."""
        self._reply(self._answered())

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET  # noqa: N815 - the library's names

    def _answered(self) -> Reply:
        self.server.heard(self.connection)
        try:
            return self.server.answer(self._request())
        except Refused as refused:
            return text(str(refused), refused.status, refused.headers)
        except Exception as bug:
            what = f"a request for {urlsplit(self.path).path!r} failed: unexpected {type(bug).__name__}"
            self.server.journal.tell("HttpFailed", what, "error")
            return text("the controller could not answer; its log says more", 500)

    def _request(self) -> Request:
        try:
            split = urlsplit(self.path)
            query = dict(parse_qsl(split.query, max_num_fields=20))
        except ValueError:
            raise Refused(400, "the address is not understood") from None
        return Request(
            method="GET" if self.command == "HEAD" else self.command,
            path=split.path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            remote=str(self.client_address[0]),
            body=self._body,
        )

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            raise Refused(411, "say how long the body is, in Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise Refused(413, f"the body has more than {MOST_BYTES:,} bytes")
        try:
            with self.server.waiting(self.connection):
                body = self.rfile.read(int(length))
        except OSError:
            raise Refused(408, "the body did not come in time") from None
        if len(body) < int(length):
            raise Refused(400, "the body is shorter than was said")
        return body

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**_HEADERS, "Content-Type": reply.type, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        with self.server.waiting(self.connection):
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Not every look at the metrics is worth a line."""
