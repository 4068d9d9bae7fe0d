"""`console`: an instance's serial console."""

from __future__ import annotations

from typing import Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("console")
@options.address
@options.source
@options.rev("the work tree")
@options.talk
@click.pass_obj
def command(screen: Screen, /, address: Address, **values: Any) -> Exit:
    """Attach to an instance's serial console. It works without a network in the guest.

    \b
      reconciler console Instance/shop/web-1
    """
    from reconciler.cli.guest import guest
    from reconciler.cli.replacing import replace_process

    with guest(address, values) as found:
        arguments = list(found.driver.console(address))
    return replace_process(arguments, screen)
