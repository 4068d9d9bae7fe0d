"""Failures that end a command, as text and as exit codes."""

from __future__ import annotations

import traceback

from reconciler.cli.exits import Exit
from reconciler.diagnostic import DiagnosticError, Untrusted
from reconciler.driver import DriverError, ErrorClass
from reconciler.report.diagnostics import diagnostic_lines, diagnostics_lines
from reconciler.report.line import Line, Span, indented, line, paragraphs


def failure_lines(failure: Exception, *, verbose: bool) -> list[Line]:
    """What is told. A failure that nobody foresaw is a bug, and says so."""
    if isinstance(failure, DiagnosticError):
        several = len(failure.diagnostics) > 1
        return diagnostics_lines(failure.diagnostics) if several else diagnostic_lines(failure.diagnostics[0])
    head = Span("error", "bold red")
    if isinstance(failure, DriverError | OSError):
        return [line(head, f": {failure}")]
    lines = [line(head, f": unexpected {type(failure).__name__}: {failure}")]
    if not verbose:
        return [*lines, line("  This is a bug in reconciler. With --verbose it shows where it happened.")]
    return [*lines, *indented(paragraphs("".join(traceback.format_exception(failure)).rstrip()), 2)]


def exit_of(failure: Exception) -> Exit:
    """The exit code of a failure."""
    if isinstance(failure, DriverError) and failure.error_class in (ErrorClass.HELD, ErrorClass.RACE):
        return Exit.STALE
    return Exit.REFUSED if isinstance(failure, Untrusted) else Exit.ERROR
