"""Calls for domains."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.objects import Ended
from reconciler_simulator.hypervisor.refusal import RefusalError, no_clash
from reconciler_simulator.model import Disk, Domain, Form
from reconciler_simulator.state import State


def _domain(state: State, name: str) -> Domain:
    if name not in state.domains:
        raise RefusalError("gone", f"no domain with matching name {name!r}")
    return state.domains[name]


def _running(state: State, name: str) -> tuple[Domain, Form]:
    domain = _domain(state, name)
    if not domain.running:
        raise RefusalError("invalid", f"domain {name!r} is not running")
    return domain, domain.running


def define_domain(state: State, name: str, uuid: str, form: Form, metadata: str) -> None:
    """Store a domain. A running one goes on as it was until its next cold start."""
    no_clash(state.domains, "domain", name, uuid)
    known = state.domains.get(name)
    fresh = Domain(uuid=uuid, stored=form, metadata=(metadata,))
    state.domains[name] = replace(known, stored=form, metadata=(metadata,)) if known else fresh


def start_domain(state: State, name: str) -> None:
    """Start a domain; all that it names must be there, and its data must not be somebody else's at the moment."""
    domain = _domain(state, name)
    if domain.running:
        raise RefusalError("invalid", f"domain {name!r} is already running")
    missing = [volume for volume in domain.stored.volumes() if volume not in state.volumes]
    if missing:
        raise RefusalError("failed", f"cannot start domain {name!r}: storage volume {missing[0]!r} does not exist")
    for disk in domain.stored.data.values():
        _unshared(state, name, disk)
    for network in sorted(domain.stored.networks()):
        if network not in state.networks or not state.networks[network].running:
            raise RefusalError("failed", f"cannot start domain {name!r}: network {network!r} is not active")
    state.domains[name] = replace(domain, running=domain.stored, starts=domain.starts + 1, ended="")


def _unshared(state: State, name: str, disk: Disk) -> None:
    """Two running guests may have a volume only if neither writes to it."""
    for other in state.domains.having(f"volume {disk.volume}"):
        running = state.domains[other].running
        uses = [each for each in running.data.values() if each.volume == disk.volume] if running else []
        if other != name and any(not (each.read_only and disk.read_only) for each in uses):
            raise RefusalError("failed", f"storage volume {disk.volume!r} is locked by domain {other!r}, which runs")


def stop_domain(state: State, name: str) -> None:
    """Stop a domain at once, as if the plug were pulled."""
    end_domain(state, name, "host")


def end_domain(state: State, name: str, how: Ended) -> None:
    """Let a running domain come to its end, one way or the other."""
    domain, _ = _running(state, name)
    state.domains[name] = replace(domain, running=None, ended=how)


def set_link(state: State, name: str, nic: str, link: str) -> None:
    """Raise or drop the link of a running domain's NIC; the stored form keeps what it says."""
    domain, running = _running(state, name)
    if nic not in running.nics:
        raise RefusalError("invalid", f"domain {name!r} is not running with a NIC {nic!r}")
    nics = {**running.nics, nic: replace(running.nics[nic], link=link)}
    state.domains[name] = replace(domain, running=replace(running, nics=nics))


def attach_disk(state: State, name: str, alias: str, disk: Disk) -> None:
    """Plug a data disk into a running domain; the stored form keeps what it says."""
    domain, running = _running(state, name)
    if alias in running.data:
        raise RefusalError("invalid", f"domain {name!r} has a disk {alias!r} already")
    if disk.volume not in state.volumes:
        raise RefusalError("failed", f"storage volume {disk.volume!r} does not exist")
    _unshared(state, name, disk)
    state.domains[name] = replace(domain, running=replace(running, data={**running.data, alias: disk}))


def detach_disk(state: State, name: str, alias: str) -> None:
    """Ask a running domain to let go of a data disk. A deaf guest keeps it, and nobody says so."""
    domain, running = _running(state, name)
    if alias not in running.data:
        raise RefusalError("gone", f"domain {name!r} has no disk {alias!r}")
    if not domain.deaf:
        data = {other: disk for other, disk in running.data.items() if other != alias}
        state.domains[name] = replace(domain, running=replace(running, data=data))


def set_vcpus(state: State, name: str, count: int) -> None:
    """Plug vCPUs into a running domain, up to its maximum. It lets go of none."""
    domain, running = _running(state, name)
    if count > (running.max_vcpus or running.vcpus):
        raise RefusalError("invalid", f"domain {name!r} has room for {running.max_vcpus or running.vcpus} vCPUs")
    if count < running.vcpus:
        raise RefusalError("failed", f"timed out: domain {name!r} keeps its {running.vcpus} vCPUs")
    state.domains[name] = replace(domain, running=replace(running, vcpus=count))


def set_memory(state: State, name: str, memory: int) -> None:
    """Let a running domain's balloon grow or shrink, up to its maximum. A deaf guest's does not, and nobody says so."""
    domain, running = _running(state, name)
    if memory > (running.max_memory or running.memory):
        raise RefusalError("invalid", f"domain {name!r} has room for {running.max_memory or running.memory} bytes")
    if not domain.deaf:
        state.domains[name] = replace(domain, running=replace(running, memory=memory))


def set_autostart(state: State, name: str, on: bool) -> None:
    """Whether a domain starts with its host."""
    state.domains[name] = replace(_domain(state, name), autostart=on)


def undefine_domain(state: State, name: str) -> None:
    """Forget a stopped domain; its volumes stay."""
    if _domain(state, name).running:
        raise RefusalError("invalid", f"domain {name!r} is running")
    del state.domains[name]
