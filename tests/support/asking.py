"""A controller's HTTP, served on a port of its own, and real requests to it."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from reconciler.report.screen import Stream
from reconciler.serve.pulse import Pulse
from reconciler.serve.service.surroundings import surrounded
from reconciler.serve.telling.journal import Journal
from reconciler.trust.fields import ControllerTrust
from tests.support.controls import Remembering

PATIENCE = 20.0


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def value(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.body)


class Client:
    """Asks one controller."""

    def __init__(self, controls: Remembering, place: str) -> None:
        self.controls, self.place = controls, place

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request; `_` in the names of headers stands for `-`."""
        host, _, port = self.place.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): each for name, each in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(), dict(answer.headers))


def place_of(journal: Journal) -> str:
    """Where it is served, once it is."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for entry in journal.entries():
            if entry.reason == "HttpServed":
                return entry.message.rpartition(" ")[2]
        time.sleep(0.01)
    raise AssertionError(journal.entries())


@contextlib.contextmanager
def served(
    stream: Stream, *, controls: Remembering | None = None, pulse: Pulse | None = None, **trust: Any
) -> Iterator[Client]:
    """A controller that does nothing, with HTTP around it; `trust` are fields of its section of the configuration."""
    asked = controls or Remembering()
    settings = msgspec.convert({"listen": "127.0.0.1:0", **trust}, ControllerTrust)
    with surrounded(asked, settings, pulse or Pulse(), stream):
        yield Client(asked, place_of(asked.journal))
