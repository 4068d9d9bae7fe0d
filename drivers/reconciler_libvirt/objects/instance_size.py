"""The size of a running guest: it grows within the maximum that it was started with. Nothing is taken away live."""

from __future__ import annotations

import libvirt

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.connection import calls
from reconciler_libvirt.objects.instance_volumes import follows
from reconciler_libvirt.objects.instance_work import Work
from reconciler_libvirt.xml.domain import DomainSpec

_KIBI = 1024


def follow(work: Work, domain: libvirt.virDomain, spec: DomainSpec) -> None:
    """Let a running guest grow to what is stored for it, as far as it can."""
    running = work.running(domain)
    if running is None:
        return
    if running.vcpus < spec.vcpus <= (running.max_vcpus or 0):
        work.task.progress.call("domain.grow-vcpus", work.task.name)
        with calls(f"giving {work.task.name} {spec.vcpus} vCPUs as it runs"):
            domain.setVcpusFlags(spec.vcpus, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    if running.memory < spec.memory <= (running.max_memory or 0):
        _grow_memory(work, domain, spec.memory)
    elif work.stored and work.stored.memory < spec.memory < running.memory:
        work.task.progress.call("domain.grow-memory", work.task.name)
        _ask(work, domain, spec.memory)  # it still has all that it could have, and gives back the rest later


def _grow_memory(work: Work, domain: libvirt.virDomain, memory: int) -> None:
    """libvirt says yes whether or not the guest has a balloon that follows, so it is read back."""
    deadline = work.site.settings.follow_deadline
    work.task.progress.call("domain.grow-memory", work.task.name)
    work.task.progress.note(f"waiting up to {deadline:.0f} s for {work.task.name} to take up its memory")
    if not follows(lambda: _has(work, domain, memory), lambda: _ask(work, domain, memory), deadline):
        message = f"{work.task.name} was asked to take up its memory and has not followed in {deadline:.0f} s"
        raise DriverError(ErrorClass.NOT_FOLLOWED, f"{message}; it has it with the next start at the latest")


def _ask(work: Work, domain: libvirt.virDomain, memory: int) -> None:
    with calls(f"giving {work.task.name} its memory as it runs"):
        domain.setMemoryFlags(memory // _KIBI, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _has(work: Work, domain: libvirt.virDomain, memory: int) -> bool:
    running = work.running(domain)
    return running is None or running.memory >= memory
