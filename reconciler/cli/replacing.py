"""Becoming another program: what runs interactively gets the terminal, the signals and the exit code for itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import click

from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


def replace_process(arguments: Sequence[str], screen: Screen) -> Exit:
    """Replace this process; returns only by raising when the program is not there."""
    screen.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        os.execvp(arguments[0], list(arguments))  # noqa: S606 - an argument vector, no shell
    except FileNotFoundError:
        raise click.ClickException(f"{arguments[0]} is missing; install it") from None
