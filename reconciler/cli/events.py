"""`events`: what did the controller do and notice?"""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import asking, options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("events")
@asking.where
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, repo: Path | None, socket: Path | None, follow: bool, output: str) -> Exit:
    """Show what a running controller did and noticed, oldest first: the newest thousand of it.

    As JSON it is one document per line.

    \b
      reconciler events
      reconciler events -f -o json
    """
    import json

    import msgspec

    from reconciler.serve.socket.protocol import AskEvents, Happened
    from reconciler.serve.telling.shown import entry_line

    patience = asking.FOLLOWING if follow else asking.PATIENCE
    for answer in asking.answers(AskEvents(follow=follow), repo, socket, patience):
        if isinstance(answer, Happened) and output == "json":
            screen.show_text(json.dumps(msgspec.to_builtins(answer.entry)) + "\n")
        elif isinstance(answer, Happened):
            screen.show([entry_line(answer.entry)])
        if screen.out.failure:
            break
        if follow:
            screen.out.flush()
    return Exit.OK
