"""The command line. Every command is a module of its own, imported when it is called."""

from __future__ import annotations

import sys


def main() -> None:
    """The command `reconciler`."""
    try:
        from reconciler.cli.program import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after anything of ours could tell
        sys.exit(130)
