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
    """Delete everything of this fleet on its hosts, root disks included. The manifests stay in Git.

    On a terminal the plan is shown and the fleet's name is asked for. Elsewhere say how many objects
    you expect to be deleted: --allow delete=COUNT. Volumes are kept with their data, and listed, but
    for those whose `deletionPolicy` is Delete; so is what is protected, or not ours.

    \b
      reconciler destroy
      reconciler destroy --allow delete=12
    """
    from reconciler.cli.carry_out import ask_and_apply
    from reconciler.cli.committed import committed
    from reconciler.cli.showing import show_plan
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import plan_round

    if values["rev"] is None:
        values["rev"] = committed(values, "a destroy")
    if screen.out.terminal and not values["allow"]:
        agreed = _asked(screen, values)
        if agreed is None:
            screen.say("Nothing was done.")
            return Exit.ERROR
        values["allow"] = agreed
    with looking(screen, plan_round(options.round_options(**values, destroy=True))) as round_:
        if any(consent.startswith("delete=") for consent in values["allow"]) or not round_.plan.changes:
            return ask_and_apply(round_, screen, asking=False, detailed=detailed_exitcode, output=output)
        show_plan(screen, round_.plan, output)
    deletions = sum(change.action == "delete" for change in round_.plan.changes)
    screen.say(f"Nothing was done. If all of this is to go: reconciler destroy --allow delete={deletions}")
    return Exit.REFUSED


def _asked(screen: Screen, values: dict[str, Any]) -> tuple[str, ...] | None:
    """Show what would go and ask for the fleet's name: the consent to just that many deletions, or None."""
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import plan_round
    from reconciler.report.plan_text import plan_lines

    with looking(screen, plan_round(options.round_options(**values, destroy=True))) as round_:
        plan = round_.plan
    deletions = sum(change.action == "delete" for change in plan.changes)
    if not deletions:
        return ()
    screen.show(plan_lines(plan))
    answer = click.prompt(f"Type the fleet's name ({plan.fleet}) to delete all of this", default="", err=True)
    return (f"delete={deletions}",) if answer.strip() == plan.fleet else None
