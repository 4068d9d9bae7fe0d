"""The hypervisor's modifying calls: functions that change a state, or refuse.

Each is one call of a hypervisor like libvirt and is as strict: names and UUIDs may not clash, what is in use is not
taken away, what is missing cannot be started. Where libvirt is lax and users would lose (a base volume under
overlays, a network under guests) this one is strict, so that a wrong order is loud. Where libvirt silently obeys
(a shrink destroys data) this one does too, so that tests can see the loss.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from reconciler_simulator.model import Domain, Entry, Form, Group, Network, NetworkForm, State, Table, Volume

Code = Literal["exists", "gone", "in-use", "invalid", "busy", "failed"]


class RefusalError(Exception):
    """The hypervisor will not, and why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


# Volumes


def _volume(state: State, name: str) -> Volume:
    if name not in state.volumes:
        raise RefusalError("gone", f"no storage volume named {name!r}")
    return state.volumes[name]


def create_volume(state: State, name: str, volume: Volume) -> None:
    """Make a volume: empty, with content, or as an overlay of one that exists."""
    if name in state.volumes:
        raise RefusalError("exists", f"storage volume {name!r} already exists")
    if volume.backing is not None and volume.backing not in state.volumes:
        raise RefusalError("failed", f"the backing volume {volume.backing!r} of {name!r} does not exist")
    state.volumes[name] = volume


def upload_volume(state: State, name: str, size: int) -> None:
    """Fill a volume from a file whose disk has `size` bytes."""
    state.volumes[name] = replace(_volume(state, name), capacity=size)


def rename_volume(state: State, name: str, new: str) -> None:
    """Publish a volume that is complete under its final name."""
    if new in state.volumes:
        raise RefusalError("exists", f"storage volume {new!r} already exists")
    volume = _volume(state, name)
    del state.volumes[name]
    state.volumes[new] = volume


def resize_volume(state: State, name: str, capacity: int) -> None:
    """Set a volume's size. Like libvirt it shrinks without a word, and what was written is lost."""
    volume = _volume(state, name)
    written = volume.written if capacity >= volume.capacity else ""
    state.volumes[name] = replace(volume, capacity=capacity, written=written)


def delete_volume(state: State, name: str) -> None:
    """Delete a volume that no overlay stands on and no running domain has."""
    _volume(state, name)
    overlays = [other for other, volume in state.volumes.items() if volume.backing == name]
    users = [domain for domain, each in state.domains.items() if each.running and name in _files(each.running)]
    if overlays or users:
        raise RefusalError("in-use", f"storage volume {name!r} is in use by {', '.join(overlays + users)}")
    del state.volumes[name]


def _files(form: Form) -> list[str]:
    return [*form.disks.values(), *(name for name in (form.kernel, form.initrd) if name)]


# Networks


def _network(state: State, name: str) -> Network:
    if name not in state.networks:
        raise RefusalError("gone", f"no network with name {name!r}")
    return state.networks[name]


def _no_clash(things: dict[str, Network] | dict[str, Domain], what: str, name: str, uuid: str) -> None:
    """A define may only ever change the thing that has both this name and this UUID."""
    for other, thing in things.items():
        if (other == name) != (thing.uuid == uuid):
            raise RefusalError("exists", f"{what} {other!r} already exists with uuid {thing.uuid}")


def define_network(state: State, name: str, uuid: str, form: NetworkForm, metadata: str) -> None:
    """Store a network. An active one goes on as it was until it is stopped and started."""
    _no_clash(state.networks, "network", name, uuid)
    known = state.networks.get(name)
    fresh = Network(uuid=uuid, stored=form, metadata=(metadata,))
    state.networks[name] = replace(known, stored=form, metadata=(metadata,)) if known else fresh


def start_network(state: State, name: str) -> None:
    """Make a network active, unless another active one has addresses of it."""
    network = _network(state, name)
    if network.running:
        raise RefusalError("invalid", f"network {name!r} is already active")
    cidr = ipaddress.ip_network(network.stored.cidr)
    for other, each in state.networks.items():
        if each.running and cidr.overlaps(ipaddress.ip_network(each.running.cidr)):
            raise RefusalError("failed", f"network {name!r}: {cidr} is already in use by network {other!r}")
    state.networks[name] = replace(network, running=network.stored)


def stop_network(state: State, name: str) -> None:
    """Make a network inactive, unless running domains are joined to it."""
    network = _network(state, name)
    users = [domain for domain, each in state.domains.items() if each.running and name in _joined(each.running)]
    if users:
        raise RefusalError("in-use", f"network {name!r} is in use by {', '.join(users)}")
    state.networks[name] = replace(network, running=None)


def undefine_network(state: State, name: str) -> None:
    """Forget an inactive network that no domain names."""
    network = _network(state, name)
    users = [domain for domain, each in state.domains.items() if name in _joined(each.stored)]
    if network.running or users:
        raise RefusalError("in-use", f"network {name!r} is active or in use by {', '.join(users) or 'nobody'}")
    del state.networks[name]


def add_dns_name(state: State, address: str, name: str, host: str) -> None:
    """Let a network's resolver answer a name with an address."""
    network = _network(state, name)
    if address in network.names:
        raise RefusalError("invalid", f"network {name!r} has a DNS host for {address} already")
    state.networks[name] = replace(network, names={**network.names, address: host})


def delete_dns_name(state: State, address: str, name: str) -> None:
    """Let a network's resolver forget the name of an address."""
    network = _network(state, name)
    if address not in network.names:
        raise RefusalError("invalid", f"network {name!r} has no DNS host for {address}")
    state.networks[name] = replace(network, names={at: host for at, host in network.names.items() if at != address})


def _joined(form: Form) -> Iterator[str]:
    return (nic.network for nic in form.nics.values())


# Domains


def _domain(state: State, name: str) -> Domain:
    if name not in state.domains:
        raise RefusalError("gone", f"no domain with matching name {name!r}")
    return state.domains[name]


def define_domain(state: State, name: str, uuid: str, form: Form, metadata: str) -> None:
    """Store a domain. A running one goes on as it was until its next cold start."""
    _no_clash(state.domains, "domain", name, uuid)
    known = state.domains.get(name)
    fresh = Domain(uuid=uuid, stored=form, metadata=(metadata,))
    state.domains[name] = replace(known, stored=form, metadata=(metadata,)) if known else fresh


def start_domain(state: State, name: str) -> None:
    """Start a domain; all that it names must be there."""
    domain = _domain(state, name)
    if domain.running:
        raise RefusalError("invalid", f"domain {name!r} is already running")
    missing = [volume for volume in _files(domain.stored) if volume not in state.volumes]
    if missing:
        raise RefusalError("failed", f"cannot start domain {name!r}: storage volume {missing[0]!r} does not exist")
    for network in _joined(domain.stored):
        if network not in state.networks or not state.networks[network].running:
            raise RefusalError("failed", f"cannot start domain {name!r}: network {network!r} is not active")
    state.domains[name] = replace(domain, running=domain.stored, starts=domain.starts + 1)


def stop_domain(state: State, name: str) -> None:
    """Stop a domain at once, as if the plug were pulled."""
    domain = _domain(state, name)
    if not domain.running:
        raise RefusalError("invalid", f"domain {name!r} is not running")
    state.domains[name] = replace(domain, running=None)


def set_link(state: State, name: str, nic: str, link: str) -> None:
    """Raise or drop the link of a running domain's NIC; the stored form keeps what it says."""
    domain = _domain(state, name)
    if not domain.running or nic not in domain.running.nics:
        raise RefusalError("invalid", f"domain {name!r} is not running with a NIC {nic!r}")
    nics = {**domain.running.nics, nic: replace(domain.running.nics[nic], link=link)}
    state.domains[name] = replace(domain, running=replace(domain.running, nics=nics))


def undefine_domain(state: State, name: str) -> None:
    """Forget a stopped domain; its volumes stay."""
    if _domain(state, name).running:
        raise RefusalError("invalid", f"domain {name!r} is running")
    del state.domains[name]


# The kernel's packet filter: each call is one transaction


def _table(state: State, name: str, comment: str) -> Table:
    return state.tables.setdefault(name, Table(comment=comment))


def _store_table(state: State, name: str, table: Table) -> None:
    """An empty table goes in the transaction that empties it."""
    state.tables[name] = table
    if not table.groups and not table.nics:
        del state.tables[name]


def write_group(state: State, group: str, table: str, comment: str, content: Group) -> None:
    """Put a group's rules and members in force."""
    known = _table(state, table, comment)
    _store_table(state, table, replace(known, groups={**known.groups, group: content}))


def delete_group(state: State, group: str, table: str, comment: str) -> None:
    """Take a group away that no NIC uses."""
    known = _table(state, table, comment)
    users = [entry.domain for entry in known.nics.values() if group in entry.groups]
    if users:
        raise RefusalError("in-use", f"group {group!r} is in use by {', '.join(users)}")
    _store_table(state, table, replace(known, groups={name: g for name, g in known.groups.items() if name != group}))


def write_nic(state: State, tap: str, table: str, comment: str, entry: Entry) -> None:
    """Put the filter of a NIC in force."""
    known = _table(state, table, comment)
    missing = [group for group in entry.groups if group not in known.groups]
    if missing:
        raise RefusalError("failed", f"no group {missing[0]!r} in table {table!r}")
    _store_table(state, table, replace(known, nics={**known.nics, tap: entry}))


def delete_nic(state: State, tap: str, table: str, comment: str) -> None:
    """Take the filter of a NIC away: nothing passes it any more."""
    known = _table(state, table, comment)
    _store_table(state, table, replace(known, nics={name: entry for name, entry in known.nics.items() if name != tap}))
