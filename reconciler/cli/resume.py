"""`resume`: take up what was left alone, or held."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import asking, options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("resume")
@click.argument("what", metavar="WHAT")
@asking.where
@click.option("--path", default="", metavar="FOLDER", help="The folder of the repository that is the fleet.")
@options.talk
@click.pass_obj
def command(screen: Screen, /, what: str, repo: Path | None, socket: Path | None, path: str) -> Exit:
    """Have `serve` take up what was suspended, what it gave up after somebody had changed it back again
    and again, or a commit that it holds since the branch was taken back.

    \b
      reconciler resume fleet
      reconciler resume Instance/shop/web-1
      reconciler resume 1f0c2a9b7d3e              deploy this commit all the same
    """
    from reconciler.cli.suspending import Order, is_commit, meant, send

    if is_commit(what):
        order = Order(verb="accept", what=what, repo=repo, socket=socket, path=path)
    else:
        order = Order(
            verb="resume", what=meant(what, ", nor a commit (7 to 40 hex digits)"), repo=repo, socket=socket, path=path
        )
    send(order, screen)
    return Exit.OK
