"""The log: the journal as lines on standard error, for people or for programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from reconciler.report.line import line, plain
from reconciler.report.screen import Stream
from reconciler.serve.outbox import Outbox
from reconciler.serve.telling.journal import Entry, Journal, Severity

Format = Literal["text", "json"]
_ORDER: dict[Severity, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_MOST_BYTES = 1 << 20
_WAIT = 60.0
_PATIENCE = 2.0
"""Seconds that a reader of the log has at the end."""


@contextmanager
def logging(journal: Journal, stream: Stream, form: Format, least: Severity = "info") -> Iterator[None]:
    """Write whatever the journal is told while the context lasts, if it is at least so bad.

    A thread of its own writes: whoever does not read our standard error holds up nothing, and is told how much they
    missed.
    """
    outbox = Outbox(lambda number: _missed(number, form), _MOST_BYTES)

    def hear(entry: Entry) -> None:
        if _ORDER[entry.severity] >= _ORDER[least]:
            outbox.put(rendered(entry, form))

    writer = threading.Thread(target=_write, args=(outbox, stream), name="log", daemon=True)
    writer.start()
    try:
        with journal.listening(hear):
            yield
    finally:
        outbox.close()
        writer.join(_PATIENCE)


def rendered(entry: Entry, form: Format) -> bytes:
    """One line, in which nothing can act on a terminal or begin another one."""
    if form == "json":
        return (json.dumps(msgspec.to_builtins(entry), ensure_ascii=True) + "\n").encode()
    commit = entry.commit[:12] if _ORDER[entry.severity] >= _ORDER["warning"] else ""
    about = {entry.address: entry.address, entry.host: f"on {entry.host}", commit: f"commit {commit}"}
    named = [words for name, words in about.items() if name and name not in entry.message]
    whom = f" ({' '.join(named)})" if named else ""
    took = "" if entry.seconds is None else f" [{entry.seconds:.3g} s]"
    return plain([line(f"{entry.time} {entry.severity:7} {entry.reason}: {entry.message}{whom}{took}")]).encode()


def _missed(number: int, form: Format) -> bytes:
    entry = Entry(
        number=0,
        time="",
        severity="warning",
        reason="LogGap",
        message=f"{number} lines are missing here: they were not read in time",
    )
    return rendered(entry, form)


def _write(outbox: Outbox, stream: Stream) -> None:
    while (data := outbox.take(_WAIT)) is not None:
        if data:
            stream.write_text(data.decode())
            stream.flush()
