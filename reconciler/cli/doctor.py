"""`doctor`: is everything there that is needed?"""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("doctor")
@options.source
@options.rev("the work tree")
@options.talk
@click.pass_obj
def command(screen: Screen, /, **values: Any) -> Exit:
    """Check this machine, the repository, the trusted configuration and each host; say what to do.

    Changes nothing. Exits with 1 when a check failed.

    \b
      reconciler doctor
    """
    from reconciler.cli.checks import all_checks
    from reconciler.report.line import Span, counted, indented, line, paragraphs

    failures = 0
    for check in all_checks(values):
        word = Span("passed", "green") if check.passed else Span("failed", "bold red")
        screen.show([line(word, f"  {check.what}")])
        if not check.passed:
            failures += 1
            screen.show(indented(paragraphs(check.remedy), 8))
    screen.say(f"{counted(failures, 'check')} failed." if failures else "All checks passed.")
    return Exit.ERROR if failures else Exit.OK
