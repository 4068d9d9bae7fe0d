"""A first look at a host: everything that libvirt and our own tables show, ours or not, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from xml.etree.ElementTree import Element

import libvirt

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Value
from reconciler.observation import Sighting
from reconciler_libvirt import ledger, names
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import NotOurs
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.tree import attribute, parse

T = TypeVar("T")

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "shutting down",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "suspended",
}
_KIBI = 1024


def survey(site: Site) -> list[Sighting]:
    """All that stands there, sorted. Raises `DriverError` when libvirt does not answer."""
    connection = site.connection
    with calls("listing what is on the host"):
        domains, networks = connection.listAllDomains(), connection.listAllNetworks()
        pools, filters = connection.listAllStoragePools(), connection.listAllNWFilters()
    found = [*_each(site, domains, _domain), *_each(site, networks, _network), *_each(site, pools, _pool)]
    volumes = [one for pool in pools for one in _each(site, _volumes(pool), _volume)]
    return sorted([*found, *volumes, *_each(site, filters, _filter), *_groups(site)], key=_place)


def _place(sighting: Sighting) -> tuple[str, str, str]:
    return sighting.kind, sighting.name, sighting.uid


def _each(site: Site, things: Iterable[T], look: Callable[[Site, T], Sighting]) -> Iterator[Sighting]:
    """What goes away while it is looked at was not there."""
    for thing in things:
        with unless(ErrorClass.GONE, ErrorClass.RACE), calls("looking at what is on the host"):
            yield look(site, thing)


def _domain(site: Site, domain: libvirt.virDomain) -> Sighting:
    tree = parse(domain.XMLDesc(0))
    state, _, memory, vcpus, _ = domain.info()
    details: dict[str, Value] = {
        "state": _STATES.get(state, "unknown"),
        "vcpus": vcpus,
        "memory": memory * _KIBI,
        "type": tree.get("type"),
        "machine": attribute(tree, "os/type", "machine"),
        "autostart": bool(domain.autostart()),
        "persistent": bool(domain.isPersistent()),
        "disks": tuple(_disks(tree)),
        "nics": tuple(_nics(tree)),
        "addresses": tuple(sorted(_addresses(domain))),
    }
    return _sighting("domain", domain, _ours(site, tree, "Instance"), details)


def _disks(tree: Element) -> Iterator[str]:
    """`vda: /path/of/file`; a volume is named with its pool."""
    for disk in tree.iterfind("devices/disk"):
        source = disk.find("source")
        where = {} if source is None else source.attrib
        pooled = f"{where['pool']}/{where.get('volume')}" if "pool" in where else None
        shown = where.get("file") or where.get("dev") or pooled or where.get("name") or "empty"
        yield f"{attribute(disk, 'target', 'dev')}: {shown}"


def _nics(tree: Element) -> Iterator[str]:
    """`52:54:00:… network lan`, with what filters it."""
    for nic in tree.iterfind("devices/interface"):
        source, kind = nic.find("source"), nic.get("type", "")
        where = "" if source is None else source.get("network") or source.get("bridge") or source.get("dev") or ""
        rules = attribute(nic, "filterref", "filter")
        yield " ".join(
            filter(None, [attribute(nic, "mac", "address"), kind, where, f"filter {rules}" if rules else ""])
        )


def _addresses(domain: libvirt.virDomain) -> Iterator[str]:
    """What the host's own DHCP servers gave it; the guest itself is not asked."""
    if domain.isActive():
        with unless(ErrorClass.UNSUPPORTED, ErrorClass.YOURS, ErrorClass.RACE), calls("reading leases"):
            found = domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
            yield from (each["addr"] for nic in found.values() for each in nic["addrs"] or ())


def _network(site: Site, network: libvirt.virNetwork) -> Sighting:
    tree = parse(network.XMLDesc(0))
    forward = tree.find("forward")
    details: dict[str, Value] = {
        "state": "active" if network.isActive() else "inactive",
        "mode": "isolated" if forward is None else forward.get("mode", "nat"),
        "bridge": attribute(tree, "bridge", "name"),
        "autostart": bool(network.autostart()),
        "addresses": tuple(_subnets(tree)),
    }
    return _sighting("network", network, _ours(site, tree, "Network"), details)


def _subnets(tree: Element) -> Iterator[str]:
    for address in tree.iterfind("ip"):
        yield f"{address.get('address')}/{address.get('prefix') or address.get('netmask') or '32'}"


def _pool(site: Site, pool: libvirt.virStoragePool) -> Sighting:
    tree = parse(pool.XMLDesc(0))
    _, capacity, _, available = pool.info()
    details: dict[str, Value] = {
        "state": "active" if pool.isActive() else "inactive",
        "type": tree.get("type"),
        "path": tree.findtext("target/path"),
        "capacity": capacity,
        "available": available,
        "autostart": bool(pool.autostart()),
    }
    return _sighting("pool", pool, "", details)


def _volumes(pool: libvirt.virStoragePool) -> list[libvirt.virStorageVol]:
    try:
        with calls(f"listing the volumes of {pool.name()}"):
            return list(pool.listAllVolumes()) if pool.isActive() else []
    except DriverError:
        return []  # its state is told with the pool


def _volume(site: Site, volume: libvirt.virStorageVol) -> Sighting:
    tree = parse(volume.XMLDesc())
    _, capacity, allocation = volume.info()
    named = names.read_volume(site.identity, volume.name())
    details: dict[str, Value] = {
        "pool": volume.storagePoolLookupByVolume().name(),
        "path": volume.path(),
        "format": attribute(tree, "target/format", "type"),
        "capacity": capacity,
        "allocation": allocation,
        "backing": tree.findtext("backingStore/path"),
    }
    address = str(named.origin) if named else ""
    return Sighting(kind="volume", name=volume.name(), address=address, details=_told(details))


def _filter(site: Site, rules: libvirt.virNWFilter) -> Sighting:
    tree = parse(rules.XMLDesc(0))
    details: dict[str, Value] = {"rules": len(tree.findall("rule")), "chain": tree.get("chain")}
    return _sighting("filter", rules, "", details)


def _groups(site: Site) -> Iterator[Sighting]:
    """Our security groups, as the kernel has them."""
    try:
        groups = site.table.observe().groups
    except DriverError:
        return
    for address, group in groups.items():
        details: dict[str, Value] = {"rules": group.rules, "members": group.members, "enforcement": "nftables"}
        yield Sighting(kind="filter", name=str(address), address=str(address), details=_told(details))


def _ours(site: Site, tree: Element, kind: str) -> str:
    try:
        return str(ledger.read(tree, site.identity.fleet_id, kind).address)
    except NotOurs:
        return ""


def _sighting(
    kind: str,
    thing: libvirt.virDomain | libvirt.virNetwork | libvirt.virStoragePool | libvirt.virNWFilter,
    address: str,
    details: dict[str, Value],
) -> Sighting:
    return Sighting(kind=kind, name=thing.name(), uid=thing.UUIDString(), address=address, details=_told(details))


def _told(details: dict[str, Value]) -> dict[str, Value]:
    """Without what there is nothing to say about."""
    return {name: value for name, value in details.items() if value not in (None, (), "")}
