"""The command line. Every command is a module of its own, imported when it is called."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """The command `reconciler`."""
    # A command makes many values and few of them go before it ends; looking for circles among them took a third of
    # the time of a large plan.
    gc.set_threshold(10_000, 20, 50)
    try:
        from reconciler.cli.program import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after anything of ours could tell
        sys.exit(130)
