"""Instances, changed: parts are made and removed in a fixed order, each only when it is not as it should be.

Make: stop if the change needs a cold start, root disk, seed, define (links down), DNS names, filters, start, links up
once the filters were read back. Remove: stop, DNS names, filters, undefine, volumes. A run that is cut off anywhere
leaves what the next one finishes.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Observed
from reconciler_simulator import hypervisor, ownership, seed
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Domain, Entry, Form, Nic, Volume
from reconciler_simulator.objects.instance_fields import (
    entries_of,
    form_of,
    image_volume,
    nic_names,
    root_name,
    seed_name,
    volume_fields,
)
from reconciler_simulator.site import Site, Task


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One instance being changed."""

    site: Site
    calls: Calls
    task: Task
    origin: Address

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.site.identity.name(self.origin)

    @property
    def uuid(self) -> str:
        """The domain's UUID."""
        return self.site.identity.uuid(self.origin)

    @property
    def domain(self) -> Domain | None:
        """The domain as it is now."""
        return self.calls.read().domains.get(self.name)

    @property
    def running(self) -> Form | None:
        """The running form as it is now."""
        return self.domain.running if self.domain else None

    def volume(self, name: str) -> Volume | None:
        """A volume as it is now."""
        return self.calls.read().volumes.get(name)

    def form(self) -> Form:
        """The form that is to be stored."""
        return form_of(self.site, self.calls.read(), self.task.wanted)


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Bring an instance to what is wanted, without going further than the task may."""
    work = Work(site=site, calls=calls, task=task, origin=task.wanted.origin)
    anew = task.may_rebuild and _outdated(work)
    if work.running and _must_stop(work, anew):
        calls.make(hypervisor.stop_domain, work.name)
    _ensure_root(work, anew)
    _ensure_seed(work)
    _forget_names(work)
    _ensure_defined(work)
    _ensure_names(work)
    _ensure_filters(work)
    if task.wanted.fields["powerState"] == "Running":
        _ensure_reachable(work)


def _outdated(work: Work) -> bool:
    """Whether the root disk or the seed are of another first boot than the wanted one."""
    fields = work.task.wanted.fields
    if not seed.told(fields):
        return False
    told = work.volume(seed_name(work.site, work.origin))
    fresh = seed.content(work.task.wanted, work.uuid)["instance-id"]
    image_now = volume_fields(work.site, work.calls.read(), work.origin).get("image")
    return image_now != fields["image"] or told is None or told.content.get("instance-id") != fresh


def _must_stop(work: Work, anew: bool) -> bool:
    if work.task.wanted.fields["powerState"] == "Stopped":
        return True
    return work.task.may_restart and (anew or _without_links(work.running) != _without_links(work.form()))


def _without_links(form: Form | None) -> Form | None:
    return form and replace(form, nics={name: replace(nic, link="down") for name, nic in form.nics.items()})


def _ensure_root(work: Work, anew: bool) -> None:
    """A root disk is made anew only when that was consented to, also when it is all that is left of a guest.

    While a lost one waits for consent, its fields are not among the wanted ones.
    """
    fields, name = work.task.wanted.fields, root_name(work.site, work.origin)
    size, root = fields.get("disk.size"), work.volume(name)
    if not isinstance(size, int) or "image" not in fields:
        return
    larger = root and not work.domain and work.task.may_rebuild and root.capacity > size
    if root and (anew or larger):
        work.calls.make(hypervisor.delete_volume, name)
        root = None
    if root is None:
        base = image_volume(work.site, fields, "disk")
        _check_size(work, base, size)
        work.calls.make(hypervisor.create_volume, name, Volume(capacity=size, format="qcow2", backing=base))
    elif root.capacity > size:
        raise DriverError(ErrorClass.UNSUPPORTED, f"{name}: a disk cannot shrink from {root.capacity} to {size} bytes")
    elif root.capacity < size:
        work.calls.make(hypervisor.resize_volume, name, size)


def _check_size(work: Work, base: str, size: int) -> None:
    """A disk that ends before its image does would be found broken by the guest only."""
    volume = work.volume(base)
    if volume and volume.capacity > size:
        text = f"{work.name}: the image needs a disk of {volume.capacity} bytes, and the flavor has {size}"
        raise DriverError(ErrorClass.YOURS, text)


def _ensure_seed(work: Work) -> None:
    """A running guest has read its seed; only a stopped one is given another.

    While new keys wait for consent, the fields still have the old ones and the payload has not: then the seed stays.
    """
    name = seed_name(work.site, work.origin)
    if not seed.told(work.task.wanted.fields):
        return
    told, content = work.volume(name), seed.content(work.task.wanted, work.uuid)
    if told and (told.content == content or work.running or not seed.agrees(content, work.task.wanted)):
        return
    if told:
        work.calls.make(hypervisor.delete_volume, name)
    work.calls.make(hypervisor.create_volume, name, Volume(capacity=seed.SIZE, content=content))


def _ensure_defined(work: Work) -> None:
    known = work.domain
    form, ledger = work.form(), ownership.ledger_of(work.site, work.task, known.metadata if known else ())
    if not known or known.stored != form or not ownership.same_intent(known.metadata, ledger):
        work.calls.make(hypervisor.define_domain, work.name, work.uuid, form, ownership.text_of(ledger))


def _kept_nics(work: Work) -> dict[str, Nic]:
    """The NICs that are to work from now on: those that run, and the wanted ones."""
    return {**work.form().nics, **(work.running.nics if work.running else {})}


def _forget_names(work: Work) -> None:
    """Before the define, which would make us forget which addresses the instance had."""
    wanted = {nic.address for nic in _kept_nics(work).values()}
    for nic in work.domain.stored.nics.values() if work.domain else ():
        if nic.address not in wanted:
            _delete_name(work.calls, nic.network, nic.address)


def _delete_name(calls: Calls, network: str, address: str) -> None:
    known = calls.read().networks.get(network)
    if known and address in known.names:
        calls.make(hypervisor.delete_dns_name, address, network)


def _ensure_names(work: Work) -> None:
    form, fields = work.form(), work.task.wanted.fields
    for name, nic in form.nics.items():
        wanted = str(fields[f"nics.{name}.dnsName"])
        network = work.calls.read().networks.get(nic.network)
        if network is None:
            raise DriverError(ErrorClass.YOURS, f"{work.name}: the network {nic.network!r} does not exist")
        if network.names.get(nic.address) != wanted:
            _delete_name(work.calls, nic.network, nic.address)
            work.calls.make(hypervisor.add_dns_name, nic.address, nic.network, wanted)


def _entries(work: Work) -> Iterator[tuple[str, Entry]]:
    """The filters that are to be in force, by tap: of the NICs that run, and of the wanted ones."""
    site, fields = work.site, work.task.wanted.fields
    for name, nic in _kept_nics(work).items():
        if name in nic_names(fields):
            texts: tuple[str, ...] = fields[f"nics.{name}.securityGroups"]  # type: ignore[assignment]
            groups = tuple(sorted(site.identity.name(Address.parse(text)) for text in texts))
            entry = Entry(domain=work.name, nic=name, mac=nic.mac, address=nic.address, groups=groups)
            yield site.tap(work.origin, name), entry


def _ensure_filters(work: Work) -> None:
    site, kept = work.site, _kept_nics(work)
    there = dict(entries_of(site, work.calls.read(), work.origin).values())
    for tap, entry in _entries(work):
        if there.get(tap) != entry:
            work.calls.make(hypervisor.write_nic, tap, site.table, site.fleet_id, entry)
    for tap, entry in there.items():
        if entry.nic not in kept:
            work.calls.make(hypervisor.delete_nic, tap, site.table, site.fleet_id)


def _ensure_reachable(work: Work) -> None:
    """Start it, and raise each link only behind a filter that was read back."""
    if not work.running:
        work.calls.make(hypervisor.start_domain, work.name)
    there = dict(entries_of(work.site, work.calls.read(), work.origin).values())
    for tap, entry in _entries(work):
        live = work.running.nics.get(entry.nic) if work.running else None
        if live and live.link != "up":
            if there.get(tap) != entry:
                text = f"{work.name}: the filter of NIC {entry.nic} is not in force"
                raise DriverError(ErrorClass.NOT_FOLLOWED, text)
            work.calls.make(hypervisor.set_link, work.name, entry.nic, "up")


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Remove an instance, or what is left of one."""
    state, name = calls.read(), site.identity.name(observed.origin)
    domain, entries = state.domains.get(name), entries_of(site, state, observed.origin)
    if domain and domain.running:
        calls.make(hypervisor.stop_domain, name)
    for nic in domain.stored.nics.values() if domain else ():
        _delete_name(calls, nic.network, nic.address)
    for tap, _ in entries.values():
        calls.make(hypervisor.delete_nic, tap, site.table, site.fleet_id)
    if domain:
        calls.make(hypervisor.undefine_domain, name)
    for volume in (root_name(site, observed.origin), seed_name(site, observed.origin)):
        if volume in calls.read().volumes:
            calls.make(hypervisor.delete_volume, volume)
