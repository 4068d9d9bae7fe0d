"""Joining a running guest to its networks: only behind filters that were read back from the kernel."""

from __future__ import annotations

import libvirt

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt import names
from reconciler_libvirt.connection import calls
from reconciler_libvirt.enforcement import NicFilter, TableState
from reconciler_libvirt.objects import instance_parts as parts
from reconciler_libvirt.reading import bridges, look
from reconciler_libvirt.site import Task
from reconciler_libvirt.xml import domain as xml
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.tree import parse, render


def join(task: Task, domain: libvirt.virDomain) -> None:
    """Plug in what is unplugged, and raise each link that is down."""
    running = look(task.site, domain).running
    if not isinstance(running, DomainSpec):
        raise DriverError(ErrorClass.NOT_FOLLOWED, f"{task.name} was started, and does not run")
    state, plugged = task.site.table.observe(), bridges(task.site)
    taps = {nic.name: nic for nic in running.nics}
    networks = {nic.name: nic.network for nic in parts.nics(task)}
    for wanted in parts.filters(task):
        live = taps.get(wanted.nic)
        if live is None or live.tap != wanted.tap:
            continue
        bridge = names.bridge(task.site.identity, networks[wanted.nic])
        if plugged.get(wanted.tap) != bridge:
            task.progress.call("nic.plug", wanted.tap)
            task.site.channel.run("ip", "link", "set", "dev", wanted.tap, "master", bridge)
        if not live.up:
            _require(task, wanted, state)
            _raise(task, domain, wanted.nic)


def _require(task: Task, wanted: NicFilter, state: TableState) -> None:
    """The NIC stays down unless the kernel holds exactly its filter."""
    found = state.nics.get((wanted.instance, wanted.nic))
    same = found and (found.tap, found.mac.lower(), found.address) == (wanted.tap, wanted.mac, wanted.address)
    if found is None or not same or not found.intact or set(found.groups) != set(wanted.groups):
        why = f": {found.reason}" if found and found.reason else ""
        message = f"{task.name}: the filter of NIC {wanted.nic} is not in force, so its link stays down{why}"
        raise DriverError(ErrorClass.NOT_FOLLOWED, message)


def _raise(task: Task, domain: libvirt.virDomain, nic: str) -> None:
    with calls(f"reading {task.name}"):
        device = xml.with_link_up(parse(domain.XMLDesc(0)), nic)
    if device is None:
        return
    task.progress.call("nic.link-up", f"{task.name} {nic}")
    with calls(f"raising the link of NIC {nic} of {task.name}"):
        domain.updateDeviceFlags(render(device), libvirt.VIR_DOMAIN_AFFECT_LIVE)
