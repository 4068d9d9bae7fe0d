"""The command line. Every command is a module of its own, imported when it is called."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """The command `reconciler`."""
    # A command makes many values and few of them go before it ends; looking for circles among them took a third of
    # the time of a large plan.
    gc.set_threshold(10_000, 20, 50)
    _have_streams()
    try:
        from reconciler.cli.program import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after anything of ours could tell
        sys.exit(130)


def _have_streams() -> None:
    """Whoever started us may have closed a standard stream; the next file that is opened would become it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays
