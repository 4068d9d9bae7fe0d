"""`status`: what does the controller know?"""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import asking, options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("status")
@asking.where
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, repo: Path | None, socket: Path | None, output: str) -> Exit:
    """Show what a running controller knows: which commit is in force, what it waits for, what failed and when it is
    tried again. It answers from what it has, at once; no host is asked.

    \b
      reconciler status
      reconciler status --repo /srv/git/fleet.git -o json
    """
    import msgspec

    from reconciler.report.data import dump
    from reconciler.serve.socket.protocol import AskStatus, Told
    from reconciler.serve.telling.shown import status_lines

    for answer in asking.answers(AskStatus(), repo, socket):
        if isinstance(answer, Told) and output == "json":
            screen.show_text(dump(msgspec.to_builtins(answer.status)))
        elif isinstance(answer, Told):
            screen.show(status_lines(answer.status))
    return Exit.OK
