"""The program around the commands: finds them, runs one, and turns whatever happens into an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from reconciler import __version__
from reconciler.cli.exits import Exit
from reconciler.cli.failures import exit_of, failure_lines
from reconciler.cli.interruption import keep_interrupts
from reconciler.report.line import Span, line, paragraphs
from reconciler.report.screen import Screen, Stream

COMMANDS = {
    "init": "Write a first fleet that runs on the simulator.",
    "validate": "Check the manifests and tell all mistakes.",
    "fmt": "Write manifests in canonical form, comments kept.",
    "plan": "Show what would be done, and why.",
    "apply": "Make the hosts show what the commit says.",
    "drift": "Show what moved without a commit.",
    "serve": "Keep the hosts equal to a branch, until told to stop.",
    "suspend": "Have serve leave something alone.",
    "resume": "Have serve take it up again, or deploy a commit that is held.",
    "destroy": "Delete all that is this fleet's.",
    "get": "List what is declared and what stands.",
    "describe": "Show one resource in full.",
    "observe": "Show what stands on the hosts, ours or not.",
    "history": "Show what was applied, when, by whom, and what became of it.",
    "hooks": "Deploy by git push: put hooks into a bare repository.",
    "status": "Show what a running controller knows.",
    "events": "Show what a running controller did and noticed.",
    "blame": "Show which commit, author and line made a value.",
    "graph": "Show who uses whom: text, dot or Mermaid.",
    "ssh": "Log in to an instance.",
    "console": "Attach to an instance's serial console.",
    "keypair": "Make keypairs; fingerprints and users of those declared.",
    "doctor": "Check this machine, the configuration and the hosts.",
    "explain": "Explain a kind, a field, or the code of a message.",
    "schema": "Print or write the manifests' JSON Schemas.",
}


class Commands(click.Group):
    """Commands by name; a command's module is imported when the command is called, not to list it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of `reconciler/cli/<name>.py`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help text."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or say which one may have been meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from reconciler.suggest import did_you_mean

            ctx.fail(f"There is no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def program() -> None:
    """A private cloud in a Git repository: commit what you want, plan, apply.

    \b
      reconciler init my-cloud      write a first fleet; it needs no hypervisor
      reconciler plan               what would be done
      reconciler apply              do it

    Exit codes: 0 success; 1 an error, a failed step or a host not completely seen; 2 changes
    (--detailed-exitcode, drift); 3 stale plan or host locked; 4 refused by a guard; 64 wrong usage;
    130 interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code and raises nothing."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    keep_interrupts()
    screen = Screen(Stream(sys.stdout, os.environ), Stream(sys.stderr, os.environ))
    code = _run(arguments, screen)
    complete = screen.close()
    return int(code if complete or code or screen.acted else Exit.ERROR)


def _run(arguments: Sequence[str], screen: Screen) -> Exit:
    try:
        code = program.main(list(arguments), prog_name="reconciler", standalone_mode=False, obj=screen)
    except click.UsageError as mistake:
        return _usage(mistake, arguments, screen)
    except click.ClickException as failure:
        screen.warn([line(Span("error", "bold red"), f": {failure.format_message()}")])
        return Exit.ERROR
    except (KeyboardInterrupt, click.Abort):
        screen.warn([line("Interrupted.")])
        return Exit.INTERRUPTED
    except OSError as failure:
        if failure.errno == errno.EPIPE:  # the help text's reader left
            _forget_stdout()
            return Exit.OK
        return _failed(failure, screen)
    except Exception as failure:
        return _failed(failure, screen)
    return Exit(code) if isinstance(code, int) else Exit.OK


def _failed(failure: Exception, screen: Screen) -> Exit:
    screen.warn(failure_lines(failure, verbose=screen.verbose))
    return exit_of(failure)


def _usage(mistake: click.UsageError, arguments: Sequence[str], screen: Screen) -> Exit:
    path = mistake.ctx.command_path if mistake.ctx else _called(arguments)
    if mistake.ctx and mistake.message == mistake.ctx.get_help():  # a group without a command
        screen.warn(paragraphs(mistake.message))
        return Exit.USAGE
    screen.warn([line(Span("error", "bold red"), f": {mistake.format_message()}")])
    screen.warn([line(f"`{path} --help` shows how it is used.")])
    return Exit.USAGE


def _called(arguments: Sequence[str]) -> str:
    """The command that was called, as far as it is one: click does not say of which one an option lacks its value."""
    words, context = ["reconciler"], click.Context(program)
    command: click.Command = program
    for word in arguments:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        words, command = [*words, word], found
    return " ".join(words)


def _forget_stdout() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
