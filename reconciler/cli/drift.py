"""`drift`: what moved without a commit?"""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("drift")
@options.source
@options.rev("HEAD")
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, output: str, **values: Any) -> Exit:
    """Show what was changed on the hosts without a commit. Changes nothing; `apply` repairs it.

    Exits with 2 when something drifted. Not everything on a host records who changed it: an object
    that is missing counts, and it is said that it may be a commit which was not yet applied.

    \b
      reconciler drift
      reconciler drift -o json
    """
    from reconciler.cli.waiting import looking
    from reconciler.diagnostic import failed
    from reconciler.reconcile import plan_round
    from reconciler.report.data import dump
    from reconciler.report.drift import drift_lines, drift_of
    from reconciler.report.plan_json import plan_value

    values["rev"] = values["rev"] or "HEAD"
    with looking(screen, plan_round(options.round_options(**values))) as round_:
        drift = drift_of(round_.plan)
    if output == "json":
        screen.show_text(dump(plan_value(drift)))
    else:
        screen.show(drift_lines(drift))
    if drift.partial or failed(list(drift.diagnostics)):
        return Exit.ERROR
    return Exit.CHANGES if drift.changes else Exit.OK
