"""`keypair`: keys on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.group("keypair")
def command() -> None:
    """Make keypairs. Private keys never enter Git."""


def _name(text: str) -> str:
    from reconciler.address import valid_name

    if not valid_name(text):
        raise click.BadParameter("a name has up to 63 of a-z, 0-9 and '-', and neither starts nor ends with '-'")
    return text


@command.command("generate")
@click.argument("name", metavar="NAME", type=_name)
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the private key goes; the public one goes beside it, as FILE.pub. By default ~/.ssh/reconciler_NAME.",
)
@click.option("--project", metavar="PROJECT", type=_name, help="The project of the keypair.")
@options.talk
@click.pass_obj
def generate(screen: Screen, /, name: str, file: Path | None, project: str | None) -> Exit:
    """Make an Ed25519 keypair on this machine and print its manifest.

    The private key is readable by you alone, and nothing is ever overwritten. `reconciler ssh` finds
    it where it is put by default.

    \b
      reconciler keypair generate alice >> keypairs.yaml
    """
    from reconciler.cli.first_fleet import keypair_manifest
    from reconciler.cli.keys import default_path
    from reconciler.cli.keys import generate as generate_key

    path = file or default_path(name)
    public_key = generate_key(path, comment=name)
    screen.show_text("---\n" + keypair_manifest(name, public_key, project))
    screen.say(f"The private key is {path}. Keep it out of Git.")
    return Exit.OK
