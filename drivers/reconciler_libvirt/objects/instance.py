"""Instances, observed: a domain with its volumes and filters, or what is left of one."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.objects import Observed, Value
from reconciler.observation import Foreign
from reconciler_libvirt import names, ownership
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.objects.instance_change import delete, ensure
from reconciler_libvirt.objects.instance_form import View, dns_names, image_of, needs_of, root_fields
from reconciler_libvirt.reading import HostReading, Reading
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.domain import DomainSpec

__all__ = ["delete", "ensure", "observe"]


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The instances of which anything is there, and what is in our way."""
    origins: dict[Address, Address] = {}
    dns = dns_names(reading)
    for domain in reading.domains:
        verdict = _judge(site, domain)
        if isinstance(verdict, Foreign):
            yield verdict
        elif verdict:
            origins[verdict.origin] = verdict.address
            view = View(site=site, host=reading, names=dns, domain=domain, origin=verdict.origin)
            yield _observed(view, verdict)
    strange = set(_strange_roots(site, reading))
    for name, origin in sorted(strange):
        yield Foreign("volume", name, "it stands on no image of ours", site.key(origins.get(origin, origin)))
    taken = {domain.name for domain in reading.domains}
    for origin in sorted(_leftovers(site, reading, {name for name, _ in strange}) - origins.keys()):
        if site.identity.name(origin) not in taken:  # what seems left over may be of another's domain of that name
            yield _leftover(site, reading, origin)


def _judge(site: Site, reading: Reading) -> Record | Foreign | None:
    spec = reading.stored or reading.running
    record = spec.record if spec else None
    return ownership.judge(site.identity, site.host, "Instance", reading.name, reading.uuid, record, reading.reason)


def _observed(view: View, record: Record) -> Observed:
    domain = view.domain
    power = "Paused" if domain.paused else "Running" if domain.active else "Stopped"
    stored: dict[str, Value] = {"powerState": power} if domain.stored else {}
    if isinstance(domain.stored, DomainSpec):
        stored |= view.fields(domain.stored, live=False)
    running = view.fields(domain.running, live=True) if isinstance(domain.running, DomainSpec) else None
    return Observed(
        key=view.site.key(record.address),
        origin=record.origin,
        uid=domain.uuid,
        stored=stored,
        running=running,
        owned=record.owned,
        guards=record.guards,
        commit=record.commit,
        needs=tuple(sorted({*needs_of(view.site, stored), *needs_of(view.site, running or {})})),
        ended=domain.ended,
    )


def _strange_roots(site: Site, reading: HostReading) -> Iterator[tuple[str, Address]]:
    """Volumes have no mark. A root disk of ours always stands on an image of ours."""
    for name, volume in reading.volumes.items():
        named = names.read_volume(site.identity, name)
        if named and named.role == "root" and image_of(site.identity, volume.backing) is None:
            yield name, named.origin


def _leftovers(site: Site, reading: HostReading, strange: set[str]) -> set[Address]:
    """Origins of volumes and filters; those with a domain are no leftovers."""
    found = (names.read_volume(site.identity, name) for name in reading.volumes if name not in strange)
    volumes = {volume.origin for volume in found if volume and volume.origin.kind == "Instance"}
    return volumes | {origin for origin, _ in (reading.table.nics if reading.table else ())}


def _leftover(site: Site, reading: HostReading, origin: Address) -> Observed:
    stored = root_fields(site.identity, reading.volumes, origin, None)
    for (owner, nic), state in (reading.table.nics if reading.table else {}).items():
        if owner == origin:
            stored[f"nics.{nic}.address"] = state.address
            stored[f"nics.{nic}.address6"] = state.address6 or None
            stored[f"nics.{nic}.securityGroups"] = tuple(sorted(str(group) for group in state.groups))
    return Observed(
        key=site.key(origin),
        origin=origin,
        uid=site.identity.uuid(origin),
        stored=stored,
        needs=needs_of(site, stored),
        incomplete=True,
    )
