"""`python -m reconciler_simulator STATE VERB …`: change a make-believe host by hand, as virsh and nft would a real one.

STATE is the host's state file. A NAME may be the end of one: `web-1` for `3f1c9f0e.default.web-1`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

import click
import msgspec

from reconciler import quantity
from reconciler_simulator import admin, hypervisor
from reconciler_simulator.state import State
from reconciler_simulator.store import Store


@click.group(help=__doc__)
@click.argument("state", type=click.Path(path_type=Path, exists=True))
@click.pass_context
def main(context: click.Context, state: Path) -> None:
    """Open the state."""
    context.obj = Store(state)


def _change(
    store: Store, names: Callable[[State], Iterable[str]], name: str, call: Callable[[State, str], None]
) -> None:
    """Carry one call out on the thing that a name means."""
    with store.changing() as state:
        try:
            call(state, admin.find(list(names(state)), name))
        except (LookupError, hypervisor.RefusalError) as refusal:
            raise click.ClickException(str(refusal)) from None
        store.write(state)


def _domains(state: State) -> Iterable[str]:
    return state.domains


def _volumes(state: State) -> Iterable[str]:
    return state.volumes


@main.command()
@click.pass_obj
def show(store: Store) -> None:
    """Print all that the host has, as JSON."""
    click.echo(ascii_json(store.read()))


def ascii_json(state: State) -> str:
    """JSON in which no character can do anything to a terminal."""
    text = msgspec.json.format(msgspec.json.encode(state.whole()), indent=2).decode()
    return "".join(c if c == "\n" or 32 <= ord(c) < 127 else f"\\u{ord(c):04x}" for c in text)


@main.command()
@click.argument("name")
@click.pass_obj
def stop(store: Store, name: str) -> None:
    """Pull the plug of a domain."""
    _change(store, _domains, name, hypervisor.stop_domain)


@main.command("shut-down")
@click.argument("name")
@click.pass_obj
def shut_down(store: Store, name: str) -> None:
    """Let a guest switch itself off, as `poweroff` in it does."""
    _change(store, _domains, name, admin.shut_down)


@main.command()
@click.argument("name")
@click.pass_obj
def crash(store: Store, name: str) -> None:
    """Let a domain die, as when somebody kills its process."""
    _change(store, _domains, name, admin.crash)


@main.command()
@click.pass_obj
def restart(store: Store) -> None:
    """Restart the daemon: guests run on, and nobody knows any more how those that are down have ended."""
    admin.restart(store)


@main.command()
@click.argument("name")
@click.pass_obj
def start(store: Store, name: str) -> None:
    """Start a domain; its links come up only when the reconciler raises them."""
    _change(store, _domains, name, hypervisor.start_domain)


@main.command()
@click.argument("name")
@click.argument("size")
@click.option("--form", type=click.Choice(["stored", "running", "both"]), default="both", show_default=True)
@click.pass_obj
def memory(store: Store, name: str, size: str, form: Literal["stored", "running", "both"]) -> None:
    """Change a domain's memory to SIZE, such as 256Mi."""
    try:
        amount = quantity.parse(size)
    except ValueError as mistake:
        raise click.BadParameter(str(mistake)) from None
    _change(store, _domains, name, lambda state, found: admin.set_memory(state, found, amount, form))


@main.command()
@click.argument("name")
@click.pass_obj
def unfilter(store: Store, name: str) -> None:
    """Take the filters of a domain's NICs away."""
    _change(store, _domains, name, admin.drop_filters)


@main.command()
@click.argument("name")
@click.option("--hear", is_flag=True, help="Let it follow again.")
@click.pass_obj
def deafen(store: Store, name: str, hear: bool) -> None:
    """Let a guest not follow what it is asked for, such as to let go of a disk."""
    _change(store, _domains, name, lambda state, found: admin.deafen(state, found, not hear))


@main.command()
@click.argument("name")
@click.argument("looks", type=click.IntRange(min=0), required=False)
@click.pass_obj
def slow(store: Store, name: str, looks: int | None) -> None:
    """Let a guest be ready only once a run has looked LOOKS times; never, if that is left out."""
    _change(store, _domains, name, lambda state, found: admin.slow(state, found, looks))


@main.command("delete-volume")
@click.argument("name")
@click.pass_obj
def delete_volume(store: Store, name: str) -> None:
    """Delete a volume's file, whoever uses it."""
    _change(store, _volumes, name, admin.lose_volume)


@main.command()
@click.argument("thing", type=click.Choice(get_args(admin.Thing)))
@click.argument("name")
@click.option("--uuid", default=admin.FOREIGN_UUID, show_default=True)
@click.pass_obj
def plant(store: Store, thing: admin.Thing, name: str, uuid: str) -> None:
    """Make something that is not ours, under exactly this NAME."""
    with store.changing() as state:
        admin.plant(state, thing, name, uuid)
        store.write(state)


@main.command()
@click.argument("name")
@click.pass_obj
def console(store: Store, name: str) -> None:
    """Say what a guest would on its serial console."""
    state = store.read()
    try:
        domain = state.domains[admin.find(state.domains, name)]
    except LookupError as missing:
        raise click.ClickException(str(missing)) from None
    click.echo("The guest runs, in make-believe." if domain.running else "The guest is stopped.")


if __name__ == "__main__":
    main(prog_name="python -m reconciler_simulator")
