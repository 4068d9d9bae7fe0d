"""`describe`: everything about one resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.reconcile import Round
    from reconciler.report.description import Description


@click.command("describe")
@options.address
@options.source
@options.rev("the work tree")
@options.output_of("text", "json", "yaml")
@options.talk
@click.pass_obj
def command(screen: Screen, /, address: Address, output: str, **values: Any) -> Exit:
    """Show a resource in full: desired, stored and running values, what waits, and who uses whom.

    \b
      reconciler describe Instance/shop/web-1
    """
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import plan_round
    from reconciler.report.data import dumped
    from reconciler.report.description import description_lines, description_value
    from reconciler.report.resources import hidden_lines

    with looking(screen, plan_round(options.round_options(**values))) as round_:
        description = _description(round_, address)
    if output != "text":
        screen.show_text(dumped(description_value(description), output))
    else:
        screen.show(description_lines(description))
        screen.warn(hidden_lines(round_.snapshots))
    return Exit.ERROR if round_.plan.partial else Exit.OK


def _description(round_: Round, address: Address) -> Description:
    from reconciler.graph import dependencies
    from reconciler.report.description import Description
    from reconciler.report.resources import rows
    from reconciler.report.why import reasons

    found = rows(round_.loaded.desired.resources, round_.snapshots, reasons(round_.plan))
    row = next((row for row in found if row.address == address), None)
    if row is None:
        raise click.ClickException(f"{address} is neither declared nor seen on a host.")
    graph = dependencies(round_.loaded.desired)
    known = address in graph
    return Description(
        row=row,
        changes=tuple(change for change in round_.plan.changes if change.key.address == address),
        uses=tuple(sorted(graph.successors(address), key=str)) if known else (),
        used_by=tuple(sorted(graph.predecessors(address), key=str)) if known else (),
    )
