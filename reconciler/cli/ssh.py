"""`ssh`: log in to an instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.cli.guest import Guest


@click.command("ssh")
@options.address
@click.argument("remote_command", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@options.source
@options.rev("the work tree")
@click.option("--login", "-l", metavar="USER", help="Who to log in as. By default the image's admin user.")
@click.option(
    "--identity",
    "-i",
    "identities",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A private key. By default those of the instance's keypairs in ~/.ssh/reconciler_NAME. Repeatable.",
)
@click.option("--new-host-key", is_flag=True, help="Forget the guest's host key: it was deleted and made anew.")
@options.talk
@click.pass_obj
def command(
    screen: Screen,
    /,
    address: Address,
    remote_command: tuple[str, ...],
    login: str | None,
    identities: tuple[Path, ...],
    new_host_key: bool,
    **values: Any,
) -> Exit:
    """Log in to an instance with ssh, through its host, or run a command there.

    The guest's host key is taken on first sight and remembered until the instance is rebuilt.

    \b
      reconciler ssh Instance/shop/web-1
      reconciler ssh Instance/shop/web-1 -- uptime
    """
    from reconciler.cli.guest import guest
    from reconciler.cli.login import forget_host_key, ssh_arguments
    from reconciler.cli.replacing import replace_process

    with guest(address, values) as found:
        _refuse_make_believe(found)
        if new_host_key:
            forget_host_key(found)
        chosen = identities or tuple(_identities(found))
        arguments = ssh_arguments(found, login or _admin_user(found), chosen, remote_command)
    return replace_process(arguments, screen)


def _refuse_make_believe(found: Guest) -> None:
    host = found.observed.key.host
    if found.loaded.desired.resources[Address("Host", None, host)].spec.driver == "simulator":
        raise click.ClickException(f"{host} is a simulated host: its guests are make-believe, and none answers ssh.")


def _admin_user(found: Guest) -> str:
    """Who logs in: as the image in the manifests says; root when the instance is in none."""
    resources = found.loaded.desired.resources
    instance = resources.get(found.observed.key.address)
    image = resources.get(Address("Image", None, instance.spec.image)) if instance else None
    return str(image.spec.admin_user) if image else "root"


def _identities(found: Guest) -> list[Path]:
    from reconciler.cli.keys import default_path

    instance = found.loaded.desired.resources.get(found.observed.key.address)
    names = [name.rpartition("/")[2] for name in instance.spec.keypairs or ()] if instance else []
    return [path for path in map(default_path, names) if path.exists()]
