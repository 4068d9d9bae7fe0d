"""The mark on a guest that is about to be started: who looks after a run that was cut off in between starts it."""

from __future__ import annotations

import libvirt
from msgspec.structs import replace

from reconciler.objects import ENDED_BY_GUEST, STARTING
from reconciler_libvirt.connection import calls
from reconciler_libvirt.ending import ended
from reconciler_libvirt.objects.instance_work import Work
from reconciler_libvirt.xml import domain as xml
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.tree import render


def needs_mark(work: Work) -> bool:
    """Whether the guest will be started, and its restart policy would leave it down if that were cut off: one that is
    stopped by its power button, or has shut down, seems to have done so by itself.
    """
    policy = work.task.wanted.restart
    if policy == "Always" or not work.wants_running:
        return False
    if work.active:
        return work.task.may_restart
    return policy == "Never" or _shut_down(work)


def _shut_down(work: Work) -> bool:
    if work.domain is None:
        return False
    noted = work.stored is not None and ENDED_BY_GUEST in work.stored.record.guards
    state, reason = work.domain.state()
    return noted or ended(state, reason) == "guest"


def marked(spec: DomainSpec) -> DomainSpec:
    """The same with the mark."""
    return replace(spec, record=replace(spec.record, guards=tuple(sorted({*spec.record.guards, STARTING}))))


def mark(work: Work) -> None:
    """Write the mark on what is stored, and nothing else."""
    if work.stored is None or work.tree is None:
        return
    work.task.progress.call("domain.define", work.task.name)
    with calls(f"defining {work.task.name}"):
        text = render(xml.write(marked(work.stored), work.tree))
        work.site.connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
