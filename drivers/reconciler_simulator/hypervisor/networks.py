"""Calls for virtual networks."""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from reconciler_simulator.hypervisor.refusal import RefusalError, no_clash
from reconciler_simulator.model import Network, NetworkForm
from reconciler_simulator.state import State


def _network(state: State, name: str) -> Network:
    if name not in state.networks:
        raise RefusalError("gone", f"no network with name {name!r}")
    return state.networks[name]


def define_network(state: State, name: str, uuid: str, form: NetworkForm, metadata: str) -> None:
    """Store a network. An active one goes on as it was until it is stopped and started."""
    no_clash(state.networks, "network", name, uuid)
    known = state.networks.get(name)
    fresh = Network(uuid=uuid, stored=form, metadata=(metadata,))
    state.networks[name] = replace(known, stored=form, metadata=(metadata,)) if known else fresh


def start_network(state: State, name: str) -> None:
    """Make a network active, unless another active one has addresses of it."""
    network = _network(state, name)
    if network.running:
        raise RefusalError("invalid", f"network {name!r} is already active")
    for other in state.networks.having("active"):
        running = state.networks[other].running
        if running and (shared := _overlap(network.stored, running)):
            raise RefusalError("failed", f"network {name!r}: {shared} is already in use by network {other!r}")
    state.networks[name] = replace(network, running=network.stored)


def _overlap(one: NetworkForm, other: NetworkForm) -> str | None:
    """A CIDR of one in which the other has addresses. A host has none in networks of mode bridge."""
    if "bridge" in (one.mode, other.mode):
        return None
    for mine, theirs in ((one.cidr, other.cidr), (one.cidr6, other.cidr6)):
        if mine and theirs and ipaddress.ip_network(mine).overlaps(ipaddress.ip_network(theirs)):
            return mine
    return None


def reload_network(state: State, name: str) -> None:
    """Let an active network take up its stored form; for a moment nothing passes."""
    network = _network(state, name)
    if not network.running:
        raise RefusalError("invalid", f"network {name!r} is not active")
    shape = replace(network.stored, servers=network.running.servers)
    if shape != network.running:
        raise RefusalError("failed", f"network {name!r} can take up other resolvers only while it is active")
    state.networks[name] = replace(network, running=network.stored, breaks=network.breaks + 1)


def stop_network(state: State, name: str) -> None:
    """Make a network inactive, unless running domains are joined to it."""
    network = _network(state, name)
    domains = ((each, state.domains[each].running) for each in state.domains.having(f"network {name}"))
    users = [each for each, running in domains if running and name in running.networks()]
    if users:
        raise RefusalError("in-use", f"network {name!r} is in use by {', '.join(users)}")
    state.networks[name] = replace(network, running=None)


def undefine_network(state: State, name: str) -> None:
    """Forget an inactive network that no domain names."""
    network, users = _network(state, name), state.domains.having(f"network {name}")
    if network.running or users:
        raise RefusalError("in-use", f"network {name!r} is active or in use by {', '.join(users) or 'nobody'}")
    for each in state.names.having(f"network {name}"):
        del state.names[each]
    del state.networks[name]


def add_dns_name(state: State, address: str, name: str, host: str) -> None:
    """Let a network's resolver answer a name with an address."""
    if _network(state, name).stored.mode == "bridge":
        raise RefusalError("invalid", f"network {name!r} is a wire, and has no resolver")
    if f"{name}/{address}" in state.names:
        raise RefusalError("invalid", f"network {name!r} has a DNS host for {address} already")
    state.names[f"{name}/{address}"] = host


def delete_dns_name(state: State, address: str, name: str) -> None:
    """Let a network's resolver forget the name of an address."""
    _network(state, name)
    if f"{name}/{address}" not in state.names:
        raise RefusalError("invalid", f"network {name!r} has no DNS host for {address}")
    del state.names[f"{name}/{address}"]
