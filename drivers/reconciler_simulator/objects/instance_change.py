"""Instances, changed: parts are made and removed in a fixed order, each only when it is not as it should be.

Make: stop if the change needs a cold start, root disk, seed, unplug what is to go, define (links down), plug in what is
to come, size, DNS names, filters, start, links up once the filters were read back. Remove: stop, DNS names, filters,
undefine, root disk and seed; volumes stay. A run that is cut off anywhere leaves what the next one finishes.
"""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import ENDED_BY_GUEST, STARTING, Observed
from reconciler_simulator import hypervisor, ownership
from reconciler_simulator.calls import Calls
from reconciler_simulator.objects import instance_disks, instance_nics
from reconciler_simulator.objects.instance_fields import entries_of, root_name, seed_name, without_links
from reconciler_simulator.objects.instance_work import Work
from reconciler_simulator.site import Site, Task


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Bring an instance to what is wanted, without going further than the task may."""
    work = Work(site=site, calls=calls, task=task, origin=task.wanted.origin)
    _check_features(work)
    anew = task.may_rebuild and instance_disks.outdated(work)
    stops = work.running is not None and _must_stop(work, anew)
    if stops or not work.running:
        instance_disks.check_secret(work)
    mark = STARTING if _needs_mark(work, stops) else ""
    if stops:
        _mark(work, mark)
        calls.make(hypervisor.stop_domain, work.name)
    instance_disks.ensure_root(work, anew)
    instance_disks.ensure_seed(work)
    instance_nics.forget_names(work)
    instance_disks.unplug(work)
    _drop_autostart(work)
    _ensure_defined(work, mark)
    instance_disks.plug(work)
    _ensure_size(work)
    _ensure_autostart(work)
    instance_nics.ensure_names(work)
    instance_nics.ensure_filters(work)
    if task.wanted.fields["powerState"] == "Running":
        if not work.running:
            calls.make(hypervisor.start_domain, work.name)
        instance_nics.raise_links(work)
        _ensure_defined(work)


def _check_features(work: Work) -> None:
    """What the host cannot do, before anything is made."""
    asked = {"uefi": work.fields.get("firmware") == "uefi", "secure-boot": bool(work.fields.get("secureBoot"))}
    missing = [word for word, wanted in asked.items() if wanted and word not in work.site.settings.features]
    if missing:
        raise DriverError(
            ErrorClass.UNSUPPORTED, f"{work.name}: host {work.site.host} has no {' and no '.join(missing)}"
        )


def _must_stop(work: Work, anew: bool) -> bool:
    if work.fields["powerState"] == "Stopped":
        return True
    same = work.running is not None and without_links(work.running) == without_links(work.form())
    return work.task.may_restart and (anew or not same)


def _needs_mark(work: Work, stops: bool) -> bool:
    """Whether it will be started, and its restart policy would leave it down if the run were cut off before."""
    if work.fields["powerState"] != "Running" or not (stops or work.running is None):
        return False
    noted = work.domain is not None and (
        work.domain.ended == "guest" or ENDED_BY_GUEST in ownership.guards(work.domain.metadata)
    )
    policy = work.task.wanted.restart
    return policy == "Never" or (policy == "OnCrash" and noted)


def _mark(work: Work, mark: str) -> None:
    """Write the mark before it is stopped, and nothing else."""
    known = work.domain
    if known and mark:
        ledger = ownership.read(known.metadata)
        text = ownership.text_of(replace(ledger, guards=(*ledger.guards, mark)))
        work.calls.make(hypervisor.define_domain, work.name, work.uuid, known.stored, text)


def _ensure_defined(work: Work, mark: str = "") -> None:
    known = work.domain
    form, ledger = work.form(), ownership.ledger_of(work.site, work.task, known.metadata if known else (), mark)
    if not known or known.stored != form or not ownership.same_intent(known.metadata, ledger):
        work.calls.make(hypervisor.define_domain, work.name, work.uuid, form, ownership.text_of(ledger))


def _drop_autostart(work: Work) -> None:
    """Once the define has been made, nobody knows any more that it was us who set it."""
    known = work.domain
    if known and known.autostart and "autostart" not in work.fields and "autostart" in ownership.owned(known.metadata):
        work.calls.make(hypervisor.set_autostart, work.name, False)


def _ensure_autostart(work: Work) -> None:
    known, wanted = work.domain, work.fields.get("autostart")
    if known and wanted is not None and known.autostart != wanted:
        work.calls.make(hypervisor.set_autostart, work.name, bool(wanted))


def _ensure_size(work: Work) -> None:
    """Let a running guest grow within what it was started with."""
    form, running = work.form(), work.running
    if not running or not work.task.may_live:
        return
    if running.vcpus < form.vcpus <= (running.max_vcpus or 0):
        work.calls.make(hypervisor.set_vcpus, work.name, form.vcpus)
    if running.memory < form.memory <= (running.max_memory or 0):
        work.calls.make(hypervisor.set_memory, work.name, form.memory)
        if not work.running or work.running.memory != form.memory:
            text = f"{work.name}: the guest was asked to take {form.memory} bytes of memory, and has not done so"
            raise DriverError(ErrorClass.NOT_FOLLOWED, text)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Remove an instance, or what is left of one. Its volumes stay: they are objects of their own."""
    state, name = calls.read(), site.identity.name(observed.origin)
    domain, entries = state.domains.get(name), entries_of(site, state, observed.origin)
    if domain and domain.running:
        calls.make(hypervisor.stop_domain, name)
    for nic in domain.stored.nics.values() if domain else ():
        instance_nics.delete_name(calls, nic)
    for tap, _ in entries.values():
        calls.make(hypervisor.delete_nic, tap, site.table)
    if domain:
        calls.make(hypervisor.undefine_domain, name)
    for volume in (root_name(site, observed.origin), seed_name(site, observed.origin)):
        if volume in calls.read().volumes:
            calls.make(hypervisor.delete_volume, volume)
