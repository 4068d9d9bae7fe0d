"""What is answered to whom asks what."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import msgspec

from reconciler.report.data import dump
from reconciler.serve.controls import Controls
from reconciler.serve.http.request import Refused, Reply, Request, check_origin, text
from reconciler.serve.http.webhooks import Webhooks
from reconciler.serve.telling.status import FORMAT_VERSION

if TYPE_CHECKING:
    from reconciler.serve.http.metrics import Metrics

_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_WEBHOOK = "/webhook/"


class Pages:
    """Answers requests about a controller. `dead` says why it does not work any more, and nothing while it does;
    `names` are those of a Host header that are ours.
    """

    def __init__(
        self,
        controls: Controls,
        dead: Callable[[], str],
        metrics: Metrics | None,
        webhooks: Webhooks,
        names: Collection[str],
    ) -> None:
        self._controls, self._dead, self._metrics = controls, dead, metrics
        self._webhooks, self._names = webhooks, names
        self._pages: dict[str, Callable[[Request], Reply]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._numbers,
            "/status": self._status,
            "/events": self._events,
        }

    def answer(self, request: Request) -> Reply:
        """One request. Raises `Refused`."""
        check_origin(request.headers, self._names)
        if request.path.startswith(_WEBHOOK):
            return self._webhooks.answer(request.path.removeprefix(_WEBHOOK), request)
        page = self._pages.get(request.path)
        if page is None:
            raise Refused(404, f"there are {', '.join(self._pages)} and {_WEBHOOK}FORGE")
        if request.method != "GET":
            raise Refused(405, "this can only be read", {"Allow": "GET, HEAD"})
        return page(request)

    def _health(self, request: Request) -> Reply:
        dead = self._dead()
        return text(dead, 503) if dead else text("ok")

    def _readiness(self, request: Request) -> Reply:
        """Whoever stands by to take over is ready for that."""
        if dead := self._dead():
            return text(dead, 503)
        found = {condition.type: condition for condition in self._controls.status().conditions}
        leading, ready = found.get("Leading"), found.get("Ready")
        if leading and leading.status == "False":
            return text("ok: stands by")
        if ready is None:
            return text("nothing was looked at yet", 503)
        return text("ok") if ready.status == "True" else text(f"{ready.reason}: {ready.message}", 503)

    def _numbers(self, request: Request) -> Reply:
        if self._metrics is None:
            return text("metrics need prometheus-client: install vm-reconciler with the extra `serve`", 501)
        return Reply(body=self._metrics.text(), type=_METRICS)

    def _status(self, request: Request) -> Reply:
        return _json(msgspec.to_builtins(self._controls.status()))

    def _events(self, request: Request) -> Reply:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 16):
            raise Refused(400, "`after` is the number of an event")
        events = self._controls.journal.entries(int(after))
        return _json({"formatVersion": FORMAT_VERSION, "events": msgspec.to_builtins(events)})


def _json(value: object) -> Reply:
    return Reply(body=dump(value).encode(), type=_JSON)
