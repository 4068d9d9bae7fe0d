"""`get`: what is declared, and what stands?"""

from __future__ import annotations

from typing import Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


def _selection(text: str) -> str | Address:
    return options.kind_named(text) or options.address_of(text)


@click.command("get")
@click.argument("what", metavar="[KIND|ADDRESS]", required=False, type=_selection)
@options.source
@options.rev("the work tree")
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, what: str | Address | None, output: str, **values: Any) -> Exit:
    """List resources: where they stand, in which state, and in a few words what they are.

    What stands but is not declared is listed too, marked `undeclared`.

    \b
      reconciler get
      reconciler get instances
      reconciler get Instance/shop/web-1 -o json
    """
    from reconciler.reconcile import load, observe
    from reconciler.report.data import dump
    from reconciler.report.resources import hidden_lines, rows, rows_lines, rows_value

    wanted = options.round_options(**values)
    loaded = load(wanted)
    with screen.working("looking at the hosts"):
        snapshots = observe(loaded, wanted)
    found = [row for row in rows(loaded.desired.resources, snapshots) if _selected(row.address, what)]
    if output == "json":
        screen.show_text(dump(rows_value(loaded.desired.name, found, snapshots)))
    else:
        screen.show(rows_lines(found))
        screen.warn(hidden_lines(snapshots))
    if isinstance(what, Address) and not found:
        raise click.ClickException(f"{what} is neither declared nor seen on a host.")
    return Exit.OK if all(snapshot.complete for snapshot in snapshots) else Exit.ERROR


def _selected(address: Address, what: str | Address | None) -> bool:
    return what is None or what in (address, address.kind)
