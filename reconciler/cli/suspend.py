"""`suspend`: leave something alone."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import asking, options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("suspend")
@click.argument("what", metavar="WHAT")
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever wonders later.")
@asking.where
@click.option("--path", default="", metavar="FOLDER", help="The folder of the repository that is the fleet.")
@options.talk
@click.pass_obj
def command(screen: Screen, /, what: str, reason: str, repo: Path | None, socket: Path | None, path: str) -> Exit:
    """Have `serve` leave something alone until it is resumed: the fleet, a project, a host, or a resource.

    Nothing is done to it, nor to what would have to come after. It is still looked at, and `status` and
    the plans of `serve` say what is left. It holds over restarts; `plan` and `apply` do not mind it.

    \b
      reconciler suspend fleet --reason "moving the racks"
      reconciler suspend Host/kvm-01
      reconciler suspend Instance/shop/web-1
    """
    from reconciler.cli.suspending import Order, meant, send

    send(Order(verb="suspend", what=meant(what), reason=reason, repo=repo, socket=socket, path=path), screen)
    return Exit.OK
