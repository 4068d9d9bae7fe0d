"""`get`: what is declared, and what stands?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.completion import complete_selection
from reconciler.cli.exits import Exit
from reconciler.cli.naming import address_of, kind_named
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.observation import Snapshot
    from reconciler.report.resources import Row


def _selection(text: str) -> str | Address:
    return kind_named(text) or address_of(text)


def _label(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not name:
        raise click.BadParameter(f"{text!r} is no label; write NAME=VALUE, or NAME for any value")
    return name, value if equals else None


@click.command("get")
@click.argument("what", metavar="[KIND|ADDRESS]", required=False, type=_selection, shell_complete=complete_selection)
@options.source
@options.rev("the work tree")
@click.option(
    "--label", "-l", "labels", type=_label, multiple=True, metavar="NAME[=VALUE]", help="Only with this label."
)
@click.option("--project", "-p", metavar="PROJECT", help="Only what belongs to this project.")
@click.option("--ready", is_flag=True, help="Also look whether running instances are ready; that may take seconds.")
@options.output_of("table", "wide", "json", "yaml", "name")
@options.talk
@click.pass_obj
def command(
    screen: Screen,
    /,
    what: str | Address | None,
    labels: tuple[tuple[str, str | None], ...],
    project: str | None,
    ready: bool,
    output: str,
    **values: Any,
) -> Exit:
    """List resources: where they stand, in which state, what they are, and why one waits.

    What stands but is not declared is listed too, marked `undeclared`. WHY says in a line what is not as
    declared: a consent that is missing, a host without room, a guest that is not ready.

    \b
      reconciler get
      reconciler get instances -l tier=web -o wide
      reconciler get --ready --project shop
      reconciler get Instance/shop/web-1 -o json
      reconciler get volumes -o name
    """
    from reconciler.cli.ready import with_readiness
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import plan_round
    from reconciler.report.resources import rows
    from reconciler.report.why import reasons

    with looking(screen, plan_round(options.round_options(**values))) as round_:
        every = rows(round_.loaded.desired.resources, round_.snapshots, reasons(round_.plan))
        found = [row for row in every if _selected(row, what, labels, project)]
        found = with_readiness(found, round_) if ready else found
    _show(screen, round_.plan.fleet, found, round_.snapshots, output)
    if isinstance(what, Address) and not found:
        raise click.ClickException(f"{what} is neither declared nor seen on a host.")
    return Exit.OK if all(snapshot.complete for snapshot in round_.snapshots) else Exit.ERROR


def _selected(
    row: Row, what: str | Address | None, labels: tuple[tuple[str, str | None], ...], project: str | None
) -> bool:
    own = row.resource.labels if row.resource else {}
    return (
        what in (None, row.address, row.address.kind)
        and project in (None, row.address.project)
        and all(name in own and value in (None, own[name]) for name, value in labels)
    )


def _show(screen: Screen, fleet: str, found: list[Row], snapshots: list[Snapshot], output: str) -> None:
    from reconciler.report.data import dumped
    from reconciler.report.line import line
    from reconciler.report.listing import rows_lines
    from reconciler.report.resources import hidden_lines, rows_value

    if output in ("json", "yaml"):
        screen.show_text(dumped(rows_value(fleet, found, snapshots), output))
        return
    if output == "name":
        screen.show(line(str(row.address)) for row in found)
    else:
        screen.show(rows_lines(found, wide=output == "wide"))
    screen.warn(hidden_lines(snapshots))
