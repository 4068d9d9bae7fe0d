"""`apply`: do it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.reconcile import Round


@click.command("apply")
@click.argument("planfile", required=False, type=click.Path(dir_okay=False, exists=True, path_type=Path))
@options.source
@options.rev("HEAD, which the work tree must not differ from")
@options.impacts
@click.option("--yes", "-y", is_flag=True, help="Do not ask, also on a terminal.")
@options.detailed_exitcode
@options.output
@options.talk
@click.pass_obj
def command(
    screen: Screen, /, planfile: Path | None, yes: bool, detailed_exitcode: bool, output: str, **values: Any
) -> Exit:
    """Make the hosts show what a commit says: HEAD, --rev, or the commit of a saved plan (PLANFILE).

    On a terminal the plan is shown and you are asked. Elsewhere it goes on without asking: the commit
    is the approval, and whatever a guest's user would notice is held back until it is consented to,
    impact by impact (--allow). A saved plan is not asked about either: it was seen before.

    The first Ctrl-C lets running steps finish and starts no other; the second leaves at once. Either
    way the next apply finishes the work.

    \b
      reconciler apply
      reconciler apply --allow restart=Instance/shop/web-1
      reconciler apply next.plan
    """
    from reconciler.cli.carry_out import ask_and_apply
    from reconciler.cli.committed import refuse_edited_files
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import StalePlan
    from reconciler.report.line import Span, line

    asking = not yes and planfile is None and screen.out.terminal
    newest = planfile is None and values["rev"] is None
    try:
        with looking(screen, _round(planfile, values)) as round_:
            if newest:
                refuse_edited_files(round_.loaded, "an apply")
            return ask_and_apply(round_, screen, asking=asking, detailed=detailed_exitcode, output=output)
    except StalePlan as stale:
        screen.warn([line(Span("error", "bold red"), f": {stale}")])
        return Exit.STALE


def _round(planfile: Path | None, values: dict[str, Any]) -> AbstractContextManager[Round]:
    from reconciler.cli.committed import committed
    from reconciler.reconcile import plan_round, saved_round

    if planfile is not None:
        if values["rev"] or values["targets"] or values["allow"]:
            raise click.UsageError("A saved plan is applied as it is: leave --rev, --target and --allow out.")
        return saved_round(options.round_options(**values), planfile.read_bytes())
    if values["rev"] is None:
        values["rev"] = committed(values, "an apply")
    return plan_round(options.round_options(**values))
