"""What surrounds a controller: its log, HTTP, and the service manager. None of it can stop the controller."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from reconciler.report.screen import Stream
from reconciler.serve.controls import Controls
from reconciler.serve.pulse import Pulse
from reconciler.serve.service.notify import Manager, managed
from reconciler.serve.telling.journal import Severity
from reconciler.serve.telling.log import Format, logging
from reconciler.trust.fields import ControllerTrust

if TYPE_CHECKING:
    from reconciler.serve.http.metrics import Metrics


@contextmanager
def surrounded(
    controls: Controls,
    trust: ControllerTrust,
    pulse: Pulse,
    stream: Stream,
    log_format: Format = "text",
    least: Severity = "info",
) -> Iterator[None]:
    """Log to a stream, serve HTTP where the trusted configuration says, and tell systemd, while the context lasts.
    `pulse` is what the working thread beats; `least` is how bad must be what is logged.
    """
    manager = Manager(os.environ)
    with ExitStack() as stack:
        stack.enter_context(logging(controls.journal, stream, log_format, least))
        if trust.listen is not None:
            stack.enter_context(_http(controls, trust, trust.listen, pulse))
        stack.enter_context(managed(manager, pulse.dead, lambda: summary(controls)))
        yield


@contextmanager
def _http(controls: Controls, trust: ControllerTrust, listen: str, pulse: Pulse) -> Iterator[None]:
    """A controller that serves no HTTP imports none of it."""
    from reconciler.serve.http.pages import Pages
    from reconciler.serve.http.server import serving
    from reconciler.serve.http.webhooks import Webhooks

    metrics, journal = _metrics(controls), controls.journal
    webhooks = Webhooks(trust.webhooks, controls.hint, journal)
    names = (*trust.host_names, listen.rpartition(":")[0])
    pages = Pages(controls, pulse.dead, metrics, webhooks, names)
    with ExitStack() as stack:
        if metrics is not None:
            stack.enter_context(journal.listening(metrics.hear))
        stack.enter_context(serving(listen, pages.answer, journal))
        yield


def _metrics(controls: Controls) -> Metrics | None:
    """None when the library for them, an extra, is not installed."""
    try:
        from reconciler.serve.http.metrics import Metrics
    except ImportError:
        return None
    return Metrics(controls.status)


def summary(controls: Controls) -> str:
    """How a controller is, in one line."""
    now = controls.status()
    where = f"{now.branch} at {now.in_force[:12] or 'no commit'}"
    bad = [each for each in now.conditions if each.status == "False" and each.type not in ("Suspended", "Contended")]
    told = [f"{each.type} {each.status}: {each.reason}" for each in bad]
    return "; ".join([f"working on {where}" if now.working else where, *told])
