"""Networks as fields, as XML and as notes: both ways."""

from __future__ import annotations

import functools
import ipaddress

from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import DriverError
from reconciler.identity import Identity
from reconciler.objects import Fields, Value
from reconciler_libvirt import ledger, names
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.objects import network_wire as wires
from reconciler_libvirt.objects.network_wire import Wire
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml.network import NetworkSpec

MOST_ADDRESSES = 4096
"""Rows of a DHCP table: so many cost libvirt 8 ms at define."""
NOTED = ("cidr", "cidr6", "gateway6", "dns.servers", "physicalNetwork", "vlan")
"""What libvirt has no place for in a network of mode bridge."""
WIRE = "wire"
"""The note of what of the host the physical network was when the network was made."""


def fields(site: Site, host: HostReading, spec: NetworkSpec, record: Record, active: bool) -> dict[str, Value]:
    """What one form of a network shows."""
    if spec.mode == "bridge":
        return {"active": active and _stands(site, host, spec, record), "mode": "bridge", **_noted(site, spec, record)}
    return {
        "active": active,
        "mode": spec.mode,
        "cidr": spec.cidr,
        "cidr6": spec.cidr6,
        "gateway": spec.gateway,
        "gateway6": spec.gateway6,
        "addresses": _addresses(site.identity, spec, record),
        "dhcp": None if spec.dhcp else False,
        "dns.domain": spec.domain,
        "dns.servers": _servers(spec, record),
    }


def _servers(spec: NetworkSpec, record: Record) -> Value:
    """The resolvers that were noted, as long as DHCP tells those of them that it can."""
    noted = record.noted.get("dns.servers")
    told = tuple(server for server in noted if ":" not in server) if isinstance(noted, tuple) and spec.dhcp else ()
    return noted if told == spec.servers else spec.servers or None


def _wire(site: Site, record: Record) -> Wire | None:
    """What the network is to be joined by; None when the host no longer says what its physical network is."""
    try:
        return wires.wire(site, record.origin, record.noted.get("physicalNetwork"), record.noted.get("vlan"))
    except DriverError:
        return None


def _stands(site: Site, host: HostReading, spec: NetworkSpec, record: Record) -> bool:
    wire = _wire(site, record)
    return wire is not None and wire.bridge == spec.bridge and wires.stands(wire, host.links)


def _noted(site: Site, spec: NetworkSpec, record: Record) -> dict[str, Value]:
    """What the network is for; where the host's wire is another one by now, that shows as well."""
    noted: dict[str, Value] = {path: record.noted.get(path) for path in NOTED}
    wire = _wire(site, record)
    if wire is None or (wire.bridge, wire.told) != (spec.bridge, record.noted.get(WIRE)):
        noted["physicalNetwork"] = f"{noted['physicalNetwork']} as {record.noted.get(WIRE)}"
    return noted


def _addresses(identity: Identity, spec: NetworkSpec, record: Record) -> Value:
    """The range that was written, as long as the DHCP table is the one that follows from it."""
    noted = record.noted.get("addresses")
    if isinstance(noted, str) and spec.cidr and spec.gateway:
        table = leases(identity, record.origin, spec.cidr, noted, spec.gateway) if spec.dhcp else ()
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
    wanted, fields = task.wanted, task.wanted.fields
    spec = NetworkSpec(
        name=task.name,
        uuid=task.uuid,
        record=record(task, None),
        mode=str(fields["mode"]),
        bridge=names.bridge(task.site.identity, wanted.origin),
    )
    if spec.mode == "bridge":
        return replace(spec, bridge=wire_of(task).bridge)
    return _with_addresses(task.site.identity, wanted.origin, spec, fields)


def _with_addresses(identity: Identity, origin: Address, spec: NetworkSpec, fields: Fields) -> NetworkSpec:
    cidr, gateway, addresses = (str(fields[path]) for path in ("cidr", "gateway", "addresses"))
    dhcp, servers = fields.get("dhcp") is not False, fields.get("dns.servers")
    return replace(
        spec,
        mac=names.bridge_mac(identity, origin, gateway),
        cidr=cidr,
        gateway=gateway,
        cidr6=_text(fields, "cidr6"),
        gateway6=_text(fields, "gateway6"),
        dhcp=dhcp,
        leases=leases(identity, origin, cidr, addresses, gateway) if dhcp else (),
        domain=_text(fields, "dns.domain"),
        # DHCP is for IPv4 alone; of other resolvers the seed tells.
        servers=tuple(server for server in servers if ":" not in server) if isinstance(servers, tuple) and dhcp else (),
    )


def _text(fields: Fields, path: str) -> str | None:
    value = fields.get(path)
    return value if isinstance(value, str) else None


def wire_of(task: Task) -> Wire:
    """What a wanted network of mode bridge is to be joined by. Raises `DriverError`."""
    fields = task.wanted.fields
    return wires.wire(task.site, task.wanted.origin, fields["physicalNetwork"], fields.get("vlan"))


def record(task: Task, last: Record | None) -> Record:
    """The mark of a wanted network; the notes of one that stands stay, since its shape never changes in place."""
    wanted = task.wanted
    return Record(
        fleet_id=task.site.identity.fleet_id,
        address=wanted.key.address,
        origin=wanted.origin,
        commit=task.commit,
        owned=ledger.owned(wanted.fields, task.waiting, last),
        guards=wanted.guards,
        noted=last.noted if last else _notes(task),
    )


def _notes(task: Task) -> dict[str, Value]:
    fields = task.wanted.fields
    if fields["mode"] != "bridge":
        return {path: fields[path] for path in ("addresses", "dns.servers") if fields.get(path) is not None}
    return {**{path: fields[path] for path in NOTED if path in fields}, WIRE: wire_of(task).told}
