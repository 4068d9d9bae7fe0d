"""Where lines go: standard output carries data, standard error carries talk. The only place that writes to either."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TextIO

from reconciler.report.harmless import neutral_text
from reconciler.report.line import Line, escape, line, plain

if TYPE_CHECKING:
    from rich.console import Console

_ASCII = str.maketrans({"→": "->", "…": "...", "·": "-"})
"""What our own texts hold beyond ASCII, for streams that cannot say it."""
_RUNNERS = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
"""Variables by which a program knows that its output is a log in which a runner looks for commands."""


class Stream:
    """One text stream that may be a terminal, may lack letters, and may break.

    A stream that breaks (its reader left, its disk is full) is written to no more: `failure` has the reason, and
    nothing is raised, since a report must never stop what it reports on.
    """

    def __init__(self, file: TextIO, environment: Mapping[str, str]) -> None:
        self.failure: OSError | None = None
        self._file = file
        self._unicode = _can_say(file, "→")
        self._lock = threading.Lock()
        self._read_by_runner = any(environment.get(name) for name in _RUNNERS)
        self.terminal = _is_terminal(file) and environment.get("TERM") != "dumb"
        self.colour = self.terminal and not environment.get("NO_COLOR")
        self._console: Console | None = None

    def write(self, lines: Iterable[Line]) -> None:
        """Write lines; styled on a terminal."""
        with self._lock:
            if self.colour:
                self._guarded(lambda: self._print_styled(lines))
            else:
                self._guarded(lambda: self._print_plain(self._plain(lines)))

    def write_text(self, text: str) -> None:
        """Write text that is safe already: JSON, a schema."""
        with self._lock:
            self._guarded(lambda: self._print_plain(text))

    def flush(self) -> None:
        """Hand everything over; afterwards nothing is left that could fail at exit."""
        self._guarded(self._file.flush)

    @property
    def console(self) -> Console:
        """The terminal behind the stream, for what moves (progress)."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._file, highlight=False, markup=False, emoji=False)
        return self._console

    def _plain(self, lines: Iterable[Line]) -> str:
        text = plain(lines)
        return neutral_text(text) if self._read_by_runner else text

    def _print_plain(self, text: str) -> None:
        if not self._unicode:
            text = text.translate(_ASCII)
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        self._file.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def _print_styled(self, lines: Iterable[Line]) -> None:
        from rich.text import Text

        for spans in lines:
            text = Text()
            for span in spans:
                shown = escape(span.text)
                text.append(shown if self._unicode else shown.translate(_ASCII), style=span.style)
            self.console.print(text, soft_wrap=True)

    def _guarded(self, write: Callable[[], object]) -> None:
        if self.failure is not None:
            return
        try:
            write()
        except OSError as failure:
            self.failure = failure
            self._disconnect()
        except ValueError:  # the file was closed
            self.failure = OSError(errno.EPIPE, "the stream is closed")

    def _disconnect(self) -> None:
        """What is still buffered would fail again at exit: let it go nowhere."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())
            os.close(nowhere)


class Screen:
    """Both streams of a command. `quiet` leaves talk out, never errors. `acted`: the command changed something, so its
    exit code tells of that, whatever becomes of the report.
    """

    def __init__(self, out: Stream, talk: Stream, *, quiet: bool = False, verbose: bool = False) -> None:
        self.out = out
        self.talk = talk
        self.quiet = quiet
        self.verbose = verbose
        self.acted = False

    def show(self, lines: Iterable[Line]) -> None:
        """Data, on standard output."""
        self.out.write(lines)

    def show_text(self, text: str) -> None:
        """Data that is text already and safe, such as JSON."""
        self.out.write_text(text)

    def say(self, *texts: str) -> None:
        """Talk, on standard error; one line per text."""
        if not self.quiet:
            self.talk.write(line(text) for text in texts)

    def warn(self, lines: Iterable[Line]) -> None:
        """Errors and warnings, on standard error, quiet or not."""
        self.talk.write(lines)

    def working(self, text: str) -> AbstractContextManager[object]:
        """Says on a terminal, for as long as the context lasts, what is being waited for."""
        if self.quiet or not self.talk.colour:
            return contextlib.nullcontext()
        return self.talk.console.status(escape(text), spinner="line")

    def close(self) -> bool:
        """Hand everything over; whether all data could be written, or was not wanted by its reader."""
        self.out.flush()
        self.talk.flush()
        failure = self.out.failure
        if failure is None or failure.errno == errno.EPIPE:
            return True
        self.warn([line(f"error: standard output cannot be written: {failure.strerror}; the data is not complete")])
        self.talk.flush()
        return False


def _is_terminal(file: TextIO) -> bool:
    try:
        return file.isatty()
    except ValueError:
        return False


def _can_say(file: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
