"""`validate`: are the manifests right?"""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("validate")
@options.source
@options.rev("the work tree")
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, output: str, **values: Any) -> Exit:
    """Check the manifests and tell all mistakes, each with its place and what to do.

    Reads no host. Exits with 1 when there is an error.

    \b
      reconciler validate
      reconciler validate --rev main -o json
    """
    from reconciler.diagnostic import failed
    from reconciler.reconcile import load
    from reconciler.report.data import dump
    from reconciler.report.diagnostics import diagnostics_lines
    from reconciler.report.line import counted
    from reconciler.report.plan_json import diagnostic_value

    loaded = load(options.round_options(**values))
    mistaken = failed(loaded.diagnostics)
    if output == "json":
        found = [diagnostic_value(diagnostic) for diagnostic in loaded.diagnostics]
        screen.show_text(dump({"formatVersion": 1, "valid": not mistaken, "diagnostics": found}))
    else:
        screen.show(diagnostics_lines(loaded.diagnostics))
    if not mistaken:
        screen.say(f"Valid: {counted(len(loaded.desired.resources), 'resource')} of fleet {loaded.desired.name}.")
    return Exit.ERROR if mistaken else Exit.OK
