"""`serve`: the resident controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("serve")
@options.source
@click.option("--fleet", metavar="ID", help="Which fleet of the trusted configuration, where it has several.")
@click.option("--branch", help="The branch that deploys. By default the configured one, else main.")
@click.option("--socket", type=click.Path(path_type=Path), help="Where it listens. By default in the repository.")
@click.option("--until-idle", is_flag=True, help="End once the branch's commit was carried out or turned down.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the log."
)
@click.option("--print-unit", is_flag=True, help="Print the systemd unit for this, and do nothing.")
@options.talk
@click.pass_obj
def command(screen: Screen, /, print_unit: bool, **values: Any) -> Exit:
    """Keep the hosts equal to what a branch says, until it is told to stop.

    It follows the branch, applies each new commit, undoes drift, and starts again what died. A commit
    with mistakes leaves the one before in force; a branch that was taken back is held until somebody
    says so (`reconciler resume COMMIT`). Whatever needs consent waits, as with `apply`.

    Its log goes to standard error. Two of them may serve one fleet: one works, the other takes over.

    The first Ctrl-C or SIGTERM lets running steps finish; the second leaves at once.

    \b
      reconciler serve                          as the trusted configuration says
      reconciler serve --repo /srv/cloud.git    a repository of this machine
    """
    from reconciler.cli.serving import Asked, serve, service, unit_of

    if print_unit:
        screen.show_text(unit_of(Asked(**values)))
        return Exit.OK
    return serve(service(Asked(**values)), screen)
