"""A look at one thing of a host: before a step changes it, and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libvirt

from reconciler.address import Address
from reconciler.driver import ErrorClass
from reconciler_libvirt import links, names
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.reading import HostReading, Reading, autostarted, look
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec


def read_instance(site: Site, origin: Address, networks: Iterable[Address]) -> HostReading:
    """Look at one instance only: its domain, volumes and networks (those it has, and `networks`), and all that the
    kernel filters.
    """
    name, uuid = site.identity.name(origin), site.identity.uuid(origin)
    found = {handle.UUIDString(): handle for handle in _handles(site, name, uuid)}
    domains = [autostarted(look(site, handle), bool(handle.autostart())) for handle in found.values()]
    parts = (names.root(site.identity, origin), names.seed(site.identity, origin))
    volumes = {part: volume for part in parts if (volume := site.storage.volume(part))}
    return HostReading(
        domains=tuple(domains),
        networks=tuple(read_networks(site, _networks(domains) | {site.identity.name(one) for one in networks})),
        volumes=volumes,
        table=site.table.observe(),
        links=links.read(site.channel),
    )


def _handles(site: Site, name: str, uuid: str) -> Iterator[libvirt.virDomain]:
    with unless(ErrorClass.GONE), calls(f"looking for the domain {name}"):
        yield site.connection.lookupByName(name)
    with unless(ErrorClass.GONE), calls(f"looking for the domain {uuid}"):
        yield site.connection.lookupByUUIDString(uuid)


def _networks(domains: Iterable[Reading]) -> set[str]:
    forms = [form for domain in domains for form in (domain.stored, domain.running) if isinstance(form, DomainSpec)]
    return {nic.network for form in forms for nic in form.nics}


def read_networks(site: Site, wanted: Iterable[str]) -> Iterator[Reading]:
    """Look at some networks only, as far as they are there."""
    for name in sorted(wanted):
        with unless(ErrorClass.GONE), calls(f"looking for the network {name}"):
            yield look(site, site.connection.networkLookupByName(name))


def read_network(site: Site, origin: Address) -> HostReading:
    """Look at one network only, and at who else may have its UUID."""
    found = list(read_networks(site, [site.identity.name(origin)]))
    with unless(ErrorClass.GONE), calls(f"looking for the network with the UUID of {origin}"):
        handle = site.connection.networkLookupByUUIDString(site.identity.uuid(origin))
        if handle.name() != site.identity.name(origin):
            found.append(look(site, handle))
    return HostReading(networks=tuple(found), links=links.read(site.channel) if any(map(_wired, found)) else {})


def _wired(reading: Reading) -> bool:
    """Whether it is a network of mode bridge, which is what its devices are."""
    return any(isinstance(form, NetworkSpec) and form.mode == "bridge" for form in (reading.stored, reading.running))
