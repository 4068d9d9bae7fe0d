"""Instances, changed: parts are made and removed in a fixed order, each only where it is not as it should be.

Make: root disk, seed, define (links down), DNS names, filters, start, links up once the filters were read back; what
runs then follows what is stored: disks, vCPUs, memory. Whose end would be taken for its own if the run were cut off
between its stop and its start bears a mark meanwhile.
Remove: switch off, DNS names, filters, undefine, volumes. A run that is cut off anywhere leaves what the next finishes.
"""

from __future__ import annotations

import libvirt
from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Observed
from reconciler_libvirt import ledger, names, power
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.objects import instance_disks as disks
from reconciler_libvirt.objects import instance_nics as nics
from reconciler_libvirt.objects import instance_size as size
from reconciler_libvirt.objects import instance_starting as starting
from reconciler_libvirt.objects import instance_volumes as volumes
from reconciler_libvirt.objects.instance_extras import AUTOSTART
from reconciler_libvirt.objects.instance_form import SEED
from reconciler_libvirt.objects.instance_spec import boot, spec_of
from reconciler_libvirt.objects.instance_work import Work, find, understood
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml import domain as xml
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.traits import nvram
from reconciler_libvirt.xml.tree import parse, render

_UNDEFINE = (55, 23, 0)
"""Managed save, snapshot and checkpoint metadata, NVRAM and TPM state go with the domain; older daemons know fewer."""
_VARIABLES = "/var/lib/libvirt/qemu/nvram"
"""Where libvirt keeps them unless told otherwise; it may leave that out of the stored form."""


def ensure(task: Task) -> None:
    """Bring an instance to what is wanted, without going further than the step may."""
    work = Work.of(task)
    data = volumes.wanted(work)
    anew = _anew(work)
    seed = disks.new_seed(work) if _seed_ahead(work, anew) else None
    marked = starting.needs_mark(work)
    if anew and work.domain is not None:
        disks.refuse_snapshot(work)
        if marked and work.active:
            starting.mark(work)
        power.switch_off(work.domain, task.progress)
        _forget_memory(work.domain, task.progress)
    disks.ensure_root(work, anew)
    told = _tell_first(work, anew, seed)
    nics.forget_names(work)
    spec = spec_of(work, data, told)
    domain = _ensure_defined(work, starting.marked(spec) if marked else spec)
    _ensure_autostart(work, domain)
    if task.may_restart or not work.wants_running:
        power.stop(domain, task.site.settings.stop_deadline, task.progress)
    nics.ensure_names(work)
    nics.ensure_filters(work, domain)
    if work.wants_running:
        if not told and not domain.isActive() and disks.seed_told(work):
            disks.ensure_seed(work, seed)  # a guest is told at its start what has changed of its networks
        power.start(domain, task.progress)
        nics.join(work, domain)
        if marked:
            _ensure_defined(Work.of(task), spec)
        volumes.follow(work, domain)
        size.follow(work, domain, spec)


def _anew(work: Work) -> bool:
    """Whether the root disk is made anew: when that was consented to, or when no guest ever had it."""
    if work.stored is None:
        return _leftover_gives_way(work)
    noted, fields = work.stored.record.noted, work.fields
    told_else = any(path in fields and noted.get(path) != fields[path] for path in SEED)
    return work.task.may_rebuild and (told_else or disks.root_outdated(work) or _boots_else(work))


def _leftover_gives_way(work: Work) -> bool:
    """Refused here again, right before the call: a domain that somebody undefined leaves the disk of a guest."""
    outdated = disks.root_outdated(work)
    if outdated and not work.task.may_rebuild:
        message = f"{work.task.name}: the disk that is left of it is another, and would be lost to a new one"
        raise DriverError(ErrorClass.YOURS, f"{message}; consent to a rebuild, or bring its domain back")
    return outdated


def _boots_else(work: Work) -> bool:
    stored, wanted = work.stored, boot(work)
    return stored is not None and (stored.boot and stored.boot.kernel) != (wanted and wanted.kernel)


def _seed_ahead(work: Work, anew: bool) -> bool:
    """Whether a seed will be written. It is made before anything is switched off or lost: a secret in it may not be
    to be had.
    """
    starts = work.wants_running and (work.task.may_restart or not work.active)
    return (starts or anew or disks.lacks_seed(work, anew)) and disks.seed_told(work)


def _tell_first(work: Work, anew: bool, seed: bytes | None) -> bool:
    """Write the seed of a guest that has none, or is made anew; whether that was done."""
    if disks.lacks_seed(work, anew) and disks.seed_told(work):
        disks.ensure_seed(work, seed)
        return True
    return False


def _forget_memory(domain: libvirt.virDomain, progress: Progress) -> None:
    """A saved memory image belongs to the disk that goes; the next start would resume it on the new one."""
    if domain.hasManagedSaveImage():
        progress.call("domain.forget-memory", domain.name())
        with calls(f"removing the saved memory of {domain.name()}"):
            domain.managedSaveRemove()


def _ensure_defined(work: Work, spec: DomainSpec) -> libvirt.virDomain:
    """Define what differs, which also makes a domain permanent that somebody undefined while it ran."""
    task = work.task
    if work.domain is not None and work.stored is not None and work.domain.isPersistent():
        same = ledger.same(work.stored.record, spec.record)
        if same and replace(spec, record=work.stored.record) == work.stored:
            return work.domain
    _forget_variables(work, spec)
    task.progress.call("domain.define", task.name)
    with calls(f"defining {task.name}"):
        text = render(xml.write(spec, work.tree))
        return task.site.connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def _forget_variables(work: Work, spec: DomainSpec) -> None:
    """UEFI's variables are made from a template, with keys or without; those of the other choice must not stay."""
    if work.stored is None or work.tree is None:
        return
    file = f"{work.task.name}_VARS.fd"
    path = nvram(work.tree) or f"{_VARIABLES}/{file}"
    before, after = work.stored.traits, spec.traits
    other = (before.uefi, before.secure_boot) != (after.uefi, after.secure_boot)
    if before.uefi and other and path.endswith("/" + file):
        work.task.progress.call("nvram.remove", work.task.name)
        work.site.channel.run("rm", "-f", "--", path)


def _ensure_autostart(work: Work, domain: libvirt.virDomain) -> None:
    """It starts with its links down, and stays unreachable until a run has seen it filtered."""
    owned = work.stored.record.owned if work.stored else {}
    wanted = work.fields.get(AUTOSTART)
    if (wanted is None and AUTOSTART not in owned) or bool(domain.autostart()) == bool(wanted):
        return
    work.task.progress.call("domain.autostart", work.task.name)
    with calls(f"setting whether {work.task.name} starts with its host"):
        domain.setAutostart(int(bool(wanted)))


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Remove an instance, or what is left of one."""
    name = site.identity.name(observed.origin)
    domain = find(site, name)
    if domain is not None:
        power.switch_off(domain, progress)
        with calls(f"reading {name}"):
            stored = understood(site, parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
        for where, address in sorted(nics.known_addresses(site, stored)):
            nics.set_name(site, where, address, None, progress)
    nics.remove_filters(site, observed.origin, set(), progress)
    if domain is not None:
        _undefine(domain, progress)
    for volume in (names.root(site.identity, observed.origin), names.seed(site.identity, observed.origin)):
        site.storage.remove(volume, progress)


def _undefine(domain: libvirt.virDomain, progress: Progress) -> None:
    progress.call("domain.undefine", domain.name())
    for flags in _UNDEFINE:
        try:
            with unless(ErrorClass.GONE), calls(f"undefining {domain.name()}"):
                domain.undefineFlags(flags)
        except DriverError as error:
            if flags == _UNDEFINE[-1] or error.error_class is not ErrorClass.UNSUPPORTED:
                raise
        else:
            return
