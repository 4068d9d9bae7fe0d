"""Instances, changed: parts are made and removed in a fixed order, each only where it is not as it should be.

Make: root disk, seed, define (links down), DNS names, filters, start, links up once the filters were read back.
Remove: switch off, DNS names, filters, undefine, volumes. A run that is cut off anywhere leaves what the next finishes.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import libvirt
import msgspec
from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Observed
from reconciler_libvirt import ledger, names, power
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import NotOurs, Record
from reconciler_libvirt.objects import instance_parts as parts
from reconciler_libvirt.objects.instance_form import SEED
from reconciler_libvirt.objects.instance_links import join
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml import domain as xml
from reconciler_libvirt.xml.domain import BootSpec, DomainSpec, NicSpec
from reconciler_libvirt.xml.tree import parse, render

_UNDEFINE = (55, 23, 0)
"""Managed save, snapshot and checkpoint metadata, NVRAM and TPM state go with the domain; older daemons know fewer."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One instance being changed: the domain as it was found, if there is one."""

    task: Task
    domain: libvirt.virDomain | None
    tree: Element | None
    stored: DomainSpec | None

    @classmethod
    def of(cls, task: Task) -> Work:
        """Look the domain up. A transient one has no stored form; its live one then serves as such."""
        domain = find(task.site, task.name)
        if domain is None:
            return cls(task=task, domain=None, tree=None, stored=None)
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        with calls(f"reading {task.name}"):
            tree = parse(domain.XMLDesc(flags))
        try:
            return cls(task=task, domain=domain, tree=tree, stored=xml.read(tree, task.site.identity.fleet_id))
        except NotOurs as verdict:
            raise DriverError(ErrorClass.EXISTS, f"the domain {task.name} is not ours: {verdict}") from None

    @property
    def active(self) -> bool:
        """Whether the guest runs now."""
        return self.domain is not None and bool(self.domain.isActive())

    @property
    def wants_running(self) -> bool:
        """Whether it is to run."""
        return self.task.wanted.fields["powerState"] == "Running"


def find(site: Site, name: str) -> libvirt.virDomain | None:
    """libvirt's handle of a domain, if there is one."""
    with unless(ErrorClass.GONE), calls(f"looking for the domain {name}"):
        return site.connection.lookupByName(name)
    return None


def ensure(task: Task) -> None:
    """Bring an instance to what is wanted, without going further than the step may."""
    work = Work.of(task)
    anew = _anew(work)
    if work.domain is not None and anew:
        power.switch_off(work.domain, task.progress)
        _forget_memory(work.domain, task.progress)
    parts.ensure_root(task, anew)
    parts.grow_root(task, work.domain, xml.disk_target(work.tree, xml.ROOT) if work.tree is not None else "")
    told = anew or work.domain is None
    if told:
        parts.ensure_seed(task)
    _forget_names(work)
    domain = _ensure_defined(work, anew)
    if task.may_restart or not work.wants_running:
        power.stop(domain, task.site.settings.stop_deadline, task.progress)
    parts.ensure_names(task)
    _ensure_filters(work, domain)
    if work.wants_running:
        if not told and not domain.isActive():
            parts.ensure_seed(task)  # a guest is told at its start what has changed of its network
        power.start(domain, task.progress)
        join(task, domain)


def _anew(work: Work) -> bool:
    """Whether the root disk is made anew: when that was consented to, or when no guest ever had it."""
    task = work.task
    if work.domain is None or work.stored is None:
        return parts.root_outdated(task)
    noted = work.stored.record.noted
    told_else = any(noted.get(path) != task.wanted.fields.get(path) for path in SEED)
    return task.may_rebuild and (told_else or parts.root_outdated(task) or _boots_else(work))


def _boots_else(work: Work) -> bool:
    stored, wanted = work.stored, _boot(work.task)
    return stored is not None and (stored.boot and stored.boot.kernel) != (wanted and wanted.kernel)


def _forget_memory(domain: libvirt.virDomain, progress: Progress) -> None:
    """A saved memory image belongs to the disk that goes; the next start would resume it on the new one."""
    if domain.hasManagedSaveImage():
        progress.call("domain.forget-memory", domain.name())
        with calls(f"removing the saved memory of {domain.name()}"):
            domain.managedSaveRemove()


def _ensure_defined(work: Work, anew: bool) -> libvirt.virDomain:
    task, spec = work.task, _spec(work, anew)
    if work.domain is not None and work.stored and work.domain.isPersistent():
        same_commit = replace(spec, record=replace(spec.record, commit=work.stored.record.commit))
        if same_commit == work.stored:
            return work.domain
    task.progress.call("domain.define", task.name)
    with calls(f"defining {task.name}"):
        text = render(xml.write(spec, work.tree))
        return task.site.connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def _spec(work: Work, anew: bool) -> DomainSpec:
    task, site, fields = work.task, work.task.site, work.task.wanted.fields
    vcpus, memory, cpu = fields["vcpus"], fields["memory"], fields.get("cpu")
    assert isinstance(vcpus, int)
    assert isinstance(memory, int)
    if memory % (1 << 20):
        raise DriverError(ErrorClass.YOURS, f"{task.name}: libvirt gives memory in whole MiB, not {memory} bytes")
    virt_type = str(fields["virtType"])
    return DomainSpec(
        name=task.name,
        uuid=task.uuid,
        record=_record(work, anew),
        virt_type=virt_type,
        machine=str(fields["machine"]),
        vcpus=vcpus,
        memory=memory,
        root=f"{site.storage.path}/{names.root(site.identity, task.wanted.origin)}",
        seed=f"{site.storage.path}/{names.seed(site.identity, task.wanted.origin)}",
        nics=tuple(_nic(task, nic) for nic in parts.nics(task)),
        cpu=str(cpu) if cpu else "host-model" if virt_type == "kvm" else None,
        boot=_boot(task),
    )


def _nic(task: Task, nic: parts.Nic) -> NicSpec:
    identity = task.site.identity
    tap = names.tap(identity, task.wanted.origin, nic.name)
    return NicSpec(name=nic.name, mac=nic.mac, network=identity.name(nic.network), tap=tap)


def _boot(task: Task) -> BootSpec | None:
    line = task.wanted.fields["boot.commandLine"]
    if line is None:
        return None
    kernel, initrd = parts.image_file(task, "kernel"), parts.image_file(task, "initrd")
    if kernel is None:
        raise DriverError(ErrorClass.YOURS, f"{task.name}: the image's kernel is not on this host")
    return BootSpec(kernel=kernel.path, initrd=initrd.path if initrd else None, command_line=str(line))


def _record(work: Work, anew: bool) -> Record:
    """What the seed said is noted until there is another: a guest that runs was told that, whatever is wanted."""
    wanted = work.task.wanted
    seed = {path: wanted.fields.get(path) for path in SEED}
    if work.stored and not anew:
        seed |= {path: value for path, value in work.stored.record.noted.items() if path in SEED}
    addresses = {f"nics.{nic.name}.address": nic.address for nic in parts.nics(work.task)}
    return Record(
        fleet_id=work.task.site.identity.fleet_id,
        address=wanted.key.address,
        origin=wanted.origin,
        commit=work.task.commit,
        owned=ledger.owned(wanted.fields),
        guards=wanted.guards,
        noted={**seed, **addresses},
    )


def _addresses(site: Site, stored: DomainSpec) -> set[tuple[Address, str]]:
    """The addresses under which a domain's NICs are known, with their networks."""
    found = ((names.read_name(site.identity, "Network", nic.network), nic.name) for nic in stored.nics)
    noted = stored.record.noted
    return {(network, str(noted.get(f"nics.{nic}.address"))) for network, nic in found if network}


def _forget_names(work: Work) -> None:
    """Names of addresses that it no longer has; before the define, which makes us forget what those were."""
    wanted = {(nic.network, nic.address) for nic in parts.nics(work.task)}
    former = _addresses(work.task.site, work.stored) if work.stored else set()
    for network, address in sorted(former - wanted):
        parts.forget_name(work.task.site, network, address, work.task.progress)


def _ensure_filters(work: Work, domain: libvirt.virDomain) -> None:
    task, table = work.task, work.task.site.table
    wanted = {nic.nic: nic for nic in parts.filters(task)}
    for nic in wanted.values():
        task.progress.call("nic.filter", nic.tap)
        table.apply_nic(nic)
    if not domain.isActive():
        _remove_filters(task.site, task.wanted.origin, set(wanted), task.progress)


def _remove_filters(site: Site, origin: Address, kept: set[str], progress: Progress) -> None:
    for owner, nic in sorted(site.table.observe().nics):
        if owner == origin and nic not in kept:
            progress.call("nic.unfilter", names.tap(site.identity, origin, nic))
            site.table.remove_nic(origin, nic)


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Remove an instance, or what is left of one."""
    name = site.identity.name(observed.origin)
    domain = find(site, name)
    if domain is not None:
        power.switch_off(domain, progress)
        with calls(f"reading {name}"):
            stored = xml.read(parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)), site.identity.fleet_id)
        for network, address in sorted(_addresses(site, stored)):
            parts.forget_name(site, network, address, progress)
    _remove_filters(site, observed.origin, set(), progress)
    if domain is not None:
        _undefine(domain, progress)
    for volume in (names.root(site.identity, observed.origin), names.seed(site.identity, observed.origin)):
        site.storage.remove(volume, progress)
    site.storage.remove_if_empty(progress)


def _undefine(domain: libvirt.virDomain, progress: Progress) -> None:
    progress.call("domain.undefine", domain.name())
    for flags in _UNDEFINE:
        try:
            with unless(ErrorClass.GONE), calls(f"undefining {domain.name()}"):
                domain.undefineFlags(flags)
            return
        except DriverError as error:
            if flags == _UNDEFINE[-1] or error.error_class is not ErrorClass.UNSUPPORTED:
                raise
