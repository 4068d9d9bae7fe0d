"""`destroy`: delete all that is ours."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("destroy")
@options.source
@options.rev("HEAD, which the work tree must not differ from")
@options.impacts
@options.detailed_exitcode
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, detailed_exitcode: bool, output: str, **values: Any) -> Exit:
    """Delete everything of this fleet on its hosts, disks included. The manifests stay in Git.

    On a terminal the plan is shown and the fleet's name is asked for. Elsewhere say how many objects
    you expect to be deleted: --allow delete=COUNT. What is protected, or not ours, is kept.

    \b
      reconciler destroy
      reconciler destroy --allow delete=12
    """
    from reconciler.cli.carry_out import carry_out
    from reconciler.cli.committed import committed
    from reconciler.reconcile import plan_round
    from reconciler.report.plan_text import plan_lines

    if values["rev"] is None:
        values["rev"] = committed(values, "a destroy")
    if screen.out.terminal and not values["allow"]:
        with plan_round(options.round_options(**values, destroy=True)) as first:
            screen.show(plan_lines(first.plan))
        deletions = sum(change.action == "delete" for change in first.plan.changes)
        if deletions and not _named(first.plan.fleet):
            screen.say("That is not its name. Nothing was done.")
            return Exit.ERROR
        values["allow"] = (f"delete={deletions}",)
    elif not any(consent.startswith("delete=") for consent in values["allow"]):
        raise click.UsageError("Off a terminal, say how many objects may go: --allow delete=COUNT")
    with plan_round(options.round_options(**values, destroy=True)) as round_:
        return carry_out(round_, screen, detailed=detailed_exitcode, output=output)


def _named(fleet: str) -> bool:
    answer: str = click.prompt(f"Type the fleet's name ({fleet}) to delete all of it", default="", err=True)
    return answer.strip() == fleet
