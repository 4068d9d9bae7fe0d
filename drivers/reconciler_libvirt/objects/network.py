"""Networks: nat and isolated, with the whole DHCP table written at define."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterator

import libvirt

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.identity import Identity
from reconciler.objects import Observed, Value
from reconciler.observation import Foreign
from reconciler_libvirt import ledger, names, ownership
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.reading import HostReading, Reading, look
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml import network as xml
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.tree import parse, render

MOST_ADDRESSES = 4096
"""Rows of a DHCP table: so many cost libvirt 8 ms at define."""


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The networks that are ours, and what is in our way."""
    for network in reading.networks:
        verdict = _judge(site, network)
        if isinstance(verdict, Foreign):
            yield verdict
        elif verdict:
            yield _observed(site, network, verdict)


def _judge(site: Site, reading: Reading) -> Record | Foreign | None:
    spec = reading.stored or reading.running
    record = spec.record if spec else None
    return ownership.judge(site.identity, site.host, "Network", reading.name, reading.uuid, record, reading.reason)


def _observed(site: Site, reading: Reading, record: Record) -> Observed:
    forms = [
        _fields(site.identity, spec, record, reading.active) if isinstance(spec, NetworkSpec) else None
        for spec in (reading.stored, reading.running)
    ]
    return Observed(
        key=site.key(record.address),
        origin=record.origin,
        uid=reading.uuid,
        stored=forms[0] or {},
        running=forms[1],
        owned=record.owned,
        guards=record.guards,
        commit=record.commit,
    )


def _fields(identity: Identity, spec: NetworkSpec, record: Record, active: bool) -> dict[str, Value]:
    return {
        "active": active,
        "mode": spec.mode,
        "cidr": spec.cidr,
        "gateway": spec.gateway,
        "addresses": _addresses(identity, spec, record),
        "dns.domain": spec.domain,
    }


def _addresses(identity: Identity, spec: NetworkSpec, record: Record) -> Value:
    """The range that was written, as long as the DHCP table is the one that follows from it."""
    noted = record.noted.get("addresses")
    if isinstance(noted, str) and spec.cidr and spec.gateway:
        table = leases(identity, record.origin, spec.cidr, noted, spec.gateway)
        if set(table) == set(spec.leases):
            return noted
    return f"altered ({len(spec.leases)} DHCP entries)"


@functools.lru_cache
def leases(identity: Identity, origin: Address, cidr: str, addresses: str, gateway: str) -> tuple[tuple[str, str], ...]:
    """The DHCP table: MAC and address of whoever holds an address, for all that an instance may have. Of a network
    that is too large for that it covers the range from which addresses are given.
    """
    network = ipaddress.IPv4Network(cidr)
    first, last = network[1], network[-2]
    if network.num_addresses > MOST_ADDRESSES:
        first, last = (ipaddress.IPv4Address(part) for part in addresses.split("-"))
    found = (str(ipaddress.IPv4Address(number)) for number in range(int(first), int(last) + 1))
    return tuple((identity.mac(origin, address), address) for address in found if address != gateway)


def spec_of(task: Task) -> NetworkSpec:
    """What is to be defined for a wanted network."""
    identity, wanted = task.site.identity, task.wanted
    text = {path: str(wanted.fields[path]) for path in ("mode", "cidr", "gateway", "addresses")}
    domain = wanted.fields["dns.domain"]
    return NetworkSpec(
        name=task.name,
        uuid=task.uuid,
        record=_record(task, None),
        mode=text["mode"],
        bridge=names.bridge(identity, wanted.origin),
        mac=names.bridge_mac(identity, wanted.origin, text["gateway"]),
        cidr=text["cidr"],
        gateway=text["gateway"],
        leases=leases(identity, wanted.origin, text["cidr"], text["addresses"], text["gateway"]),
        domain=domain if isinstance(domain, str) else None,
    )


def _record(task: Task, last: Record | None) -> Record:
    wanted = task.wanted
    return Record(
        fleet_id=task.site.identity.fleet_id,
        address=wanted.key.address,
        origin=wanted.origin,
        commit=task.commit,
        owned=ledger.owned(wanted.fields, task.waiting, last),
        guards=wanted.guards,
        noted=last.noted if last else {"addresses": wanted.fields["addresses"]},
    )


def find(site: Site, name: str) -> libvirt.virNetwork | None:
    """libvirt's handle of a network, if there is one."""
    with unless(ErrorClass.GONE), calls(f"looking for the network {name}"):
        return site.connection.networkLookupByName(name)
    return None


def ensure(task: Task) -> None:
    """Define what is missing or marked differently, and start it.

    A network that starts anew has a new bridge, into which libvirt does not plug the guests that run. Their own steps
    do that: each of their NICs is plugged in behind its filter.
    """
    handle = find(task.site, task.name)
    if handle is None:
        handle = _define(task, render(xml.write(spec_of(task))))
    else:
        _mark(task, handle)
    if not handle.autostart():
        with calls(f"setting the network {task.name} to start with the host"):
            handle.setAutostart(1)
    if task.wanted.fields["active"] and not handle.isActive():
        task.progress.call("network.start", task.name)
        with calls(f"starting the network {task.name}"):
            handle.create()


def _mark(task: Task, handle: libvirt.virNetwork) -> None:
    """Write the mark where it says something else than wanted, which also makes a network permanent that somebody
    undefined as it ran. Its shape never changes in place.
    """
    reading = look(task.site, handle)
    form = reading.stored or reading.running
    if not isinstance(form, NetworkSpec):
        raise DriverError(ErrorClass.EXISTS, f"the network {task.name} exists and is not ours: {reading.reason}")
    record = _record(task, form.record)
    if reading.stored is None or not ledger.same(form.record, record):
        with calls(f"reading the network {task.name}"):
            tree = parse(handle.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
        _define(task, render(xml.marked(tree, record)))


def _define(task: Task, text: str) -> libvirt.virNetwork:
    task.progress.call("network.define", task.name)
    with calls(f"defining the network {task.name}"):
        return task.site.connection.networkDefineXML(text)


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Stop it and forget it; refused while a guest runs in it."""
    name = site.identity.name(observed.origin)
    handle = find(site, name)
    if handle is None:
        return
    with calls(f"reading the ports of the network {name}"):
        ports = handle.listAllPorts() if handle.isActive() else []
    if ports:
        raise DriverError(ErrorClass.RACE, f"{len(ports)} NICs of running guests are in the network {name}")
    if handle.isActive():
        progress.call("network.stop", name)
        with unless(ErrorClass.RACE), calls(f"stopping the network {name}"):
            handle.destroy()
    progress.call("network.undefine", name)
    with unless(ErrorClass.GONE), calls(f"undefining the network {name}"):
        handle.undefine()
