"""What an administrator does behind our back, as with virsh and nft on a real host: for drift by hand, and for tests.

Functions on a state; `python -m reconciler_simulator STATE VERB …` is the way to them from a shell.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec.structs import replace

from reconciler_simulator.hypervisor import end_domain
from reconciler_simulator.model import Domain, Form, Network, NetworkForm, Table, Volume
from reconciler_simulator.state import State
from reconciler_simulator.store import Store

FOREIGN_UUID = "f0e1e900-0000-4000-8000-000000000000"
Thing = Literal["domain", "network", "volume", "table"]


def find(names: Collection[str], name: str) -> str:
    """The name that is meant: itself, or the only one that ends in it (`web-1`). Raises `LookupError`."""
    found = [each for each in names if each == name] or [each for each in names if each.endswith("." + name)]
    if len(found) != 1:
        raise LookupError(
            f"{name!r} is {'none' if not found else 'several'} of: {', '.join(sorted(names)) or 'nothing'}"
        )
    return found[0]


def shut_down(state: State, name: str) -> None:
    """Let a guest switch itself off."""
    end_domain(state, name, "guest")


def crash(state: State, name: str) -> None:
    """Let a running domain die."""
    end_domain(state, name, "crash")


def restart(store: Store) -> None:
    """Restart the daemon: guests run on, nobody knows any more how the others ended, and who watches has lost it."""
    with store.changing() as state:
        for name, domain in state.domains.items():
            state.domains[name] = replace(domain, ended="")
        store.write(state, anew=True)


def set_memory(state: State, name: str, memory: int, form: Literal["stored", "running", "both"] = "both") -> None:
    """Change a domain's memory in one of its forms, in bytes."""
    domain = state.domains[name]
    stored = replace(domain.stored, memory=memory) if form != "running" else domain.stored
    running = replace(domain.running, memory=memory) if domain.running and form != "stored" else domain.running
    state.domains[name] = replace(domain, stored=stored, running=running)


def drop_filters(state: State, name: str) -> None:
    """Take the filters of a domain's NICs away; its links stay up."""
    for entry in state.filters.having(f"domain {name}"):
        del state.filters[entry]


def flush(state: State) -> None:
    """Empty the packet filter, as `nft flush ruleset` or a reboot does."""
    for things in (state.filters, state.groups, state.tables):
        things.clear()


def lose_volume(state: State, name: str) -> None:
    """Delete a volume's file, whoever uses it."""
    del state.volumes[name]


def deafen(state: State, name: str, deaf: bool = True) -> None:
    """Let a guest not follow what it is asked for: it keeps its disks, and its memory as it is."""
    state.domains[name] = replace(state.domains[name], deaf=deaf)


def slow(state: State, name: str, looks: int | None) -> None:
    """Let a guest become ready after so many looks of a run, or never (None)."""
    state.domains[name] = replace(state.domains[name], looks=looks)


def write(state: State, name: str, text: str) -> None:
    """Let a guest write to its disk."""
    state.volumes[name] = replace(state.volumes[name], written=text)


def plant(state: State, thing: Thing, name: str, uuid: str = FOREIGN_UUID, metadata: tuple[str, ...] = ()) -> None:
    """Make something that is not ours under a name."""
    if thing == "domain":
        state.domains[name] = Domain(uuid=uuid, stored=Form(vcpus=1, memory=1 << 27), metadata=metadata)
    elif thing == "network":
        form = NetworkForm(mode="nat", cidr="192.0.2.0/24", gateway="192.0.2.1", addresses="192.0.2.2-192.0.2.9")
        state.networks[name] = Network(uuid=uuid, stored=form, metadata=metadata)
    elif thing == "volume":
        state.volumes[name] = Volume(capacity=1 << 20, written="precious")
    else:
        state.tables[name] = Table(comment="somebody else's")


def set_metadata(state: State, name: str, elements: tuple[str, ...]) -> None:
    """Replace the elements in our namespace on a domain or a network."""
    if name in state.domains:
        state.domains[name] = replace(state.domains[name], metadata=elements)
    else:
        state.networks[name] = replace(state.networks[name], metadata=elements)
