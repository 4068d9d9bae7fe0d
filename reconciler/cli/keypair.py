"""`keypair`: keys on this machine, and those that the fleet declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.cli.naming import address_of
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.report.keypairs import Key


@click.group("keypair")
def command() -> None:
    """Make keypairs, and tell their fingerprints and users. Private keys never enter Git."""


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


def _address(text: str) -> Address:
    """`alice`, `shop/alice` or `Keypair/shop/alice`."""
    address = address_of(text if text.count("/") == 2 else f"Keypair/{text}")
    if address.kind != "Keypair":
        raise click.BadParameter(f"{address} is no keypair")
    return address


@command.command("list")
@options.repository
@options.rev("the work tree")
@options.output_of("table", "json", "yaml")
@options.talk
@click.pass_obj
def list_keys(screen: Screen, /, output: str, **values: Any) -> Exit:
    """List the declared keypairs: fingerprints as `ssh-keygen -l` prints them, and who lets them in.

    \b
      reconciler keypair list
      reconciler keypair list -o json
    """
    from reconciler.report.data import dumped
    from reconciler.report.keypairs import key_value, keys_lines

    found = _keys(values)
    if output == "table":
        screen.show(keys_lines(found))
    else:
        screen.show_text(dumped({"formatVersion": 1, "keypairs": [key_value(key) for key in found]}, output))
    return Exit.OK


@command.command("show")
@click.argument("address", metavar="[PROJECT/]NAME", type=_address)
@options.repository
@options.rev("the work tree")
@options.output_of("text", "json", "yaml")
@options.talk
@click.pass_obj
def show(screen: Screen, /, address: Address, output: str, **values: Any) -> Exit:
    """Show one declared keypair: fingerprints, the public key, and who lets it in.

    \b
      reconciler keypair show alice
      reconciler keypair show shop/alice
    """
    from reconciler.report.data import dumped
    from reconciler.report.keypairs import key_lines, key_value
    from reconciler.suggest import did_you_mean

    found = {str(key.resource.address): key for key in _keys(values)}
    if str(address) not in found:
        raise click.ClickException(f"{address} is not declared.{did_you_mean(str(address), found)}")
    key = found[str(address)]
    if output == "text":
        screen.show(key_lines(key))
    else:
        screen.show_text(dumped({"formatVersion": 1, **key_value(key), "publicKey": key.line.strip()}, output))
    return Exit.OK


def _keys(values: dict[str, Any]) -> list[Key]:
    from reconciler.diagnostic import DiagnosticError, failed
    from reconciler.reconcile import load
    from reconciler.report.keypairs import keys

    loaded = load(options.round_options(**values))
    if failed(loaded.diagnostics):
        raise DiagnosticError(*loaded.diagnostics)
    return keys(loaded.desired.resources)
