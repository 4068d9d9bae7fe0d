"""Networks: nat, routed and isolated ones, with the whole DHCP table written at define, and those of mode bridge.

Of one of mode bridge libvirt holds no more than a bridge's name: what it is for is noted on it, and its devices are
made and removed beside it (`network_wire`).
"""

from __future__ import annotations

from collections.abc import Iterator

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Observed
from reconciler.observation import Foreign
from reconciler_libvirt import ledger, ownership
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.objects import network_form as form
from reconciler_libvirt.objects import network_wire as wires
from reconciler_libvirt.reading import HostReading, Reading, look
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.xml import network as xml
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.tree import parse, render


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The networks that are ours, and what is in our way."""
    for network in reading.networks:
        verdict = _judge(site, network)
        if isinstance(verdict, Foreign):
            yield verdict
        elif verdict:
            yield _observed(site, reading, network, verdict)


def _judge(site: Site, reading: Reading) -> Record | Foreign | None:
    spec = reading.stored or reading.running
    record = spec.record if spec else None
    return ownership.judge(site.identity, site.host, "Network", reading.name, reading.uuid, record, reading.reason)


def _observed(site: Site, host: HostReading, reading: Reading, record: Record) -> Observed:
    forms = [
        form.fields(site, host, spec, record, reading.active) if isinstance(spec, NetworkSpec) else None
        for spec in (reading.stored, reading.running)
    ]
    return Observed(
        key=site.key(record.address),
        origin=record.origin,
        uid=reading.uuid,
        stored=forms[0] or {},
        running=forms[1],
        owned=record.owned,
        guards=record.guards,
        commit=record.commit,
    )


def find(site: Site, name: str) -> libvirt.virNetwork | None:
    """libvirt's handle of a network, if there is one."""
    with unless(ErrorClass.GONE), calls(f"looking for the network {name}"):
        return site.connection.networkLookupByName(name)
    return None


def ensure(task: Task) -> None:
    """Define what is missing or marked differently, and start it.

    A network that starts anew has a new bridge, into which libvirt does not plug the guests that run. Their own steps
    do that: each of their NICs is plugged in behind its filter.
    """
    handle = find(task.site, task.name)
    if handle is None:
        handle = _define(task, render(xml.write(form.spec_of(task))))
    else:
        _mark(task, handle)
    if not handle.autostart():
        with calls(f"setting the network {task.name} to start with the host"):
            handle.setAutostart(1)
    if task.wanted.fields["mode"] == "bridge":
        wires.ensure(task.site, form.wire_of(task), task.progress)
    if task.wanted.fields["active"] and not handle.isActive():
        task.progress.call("network.start", task.name)
        with calls(f"starting the network {task.name}"):
            handle.create()


def _mark(task: Task, handle: libvirt.virNetwork) -> None:
    """Write the mark where it says something else than wanted, which also makes a network permanent that somebody
    undefined as it ran. Its shape never changes in place.
    """
    reading = look(task.site, handle)
    found = reading.stored or reading.running
    if not isinstance(found, NetworkSpec):
        raise DriverError(ErrorClass.EXISTS, f"the network {task.name} exists and is not ours: {reading.reason}")
    record = form.record(task, found.record)
    if reading.stored is None or not ledger.same(found.record, record):
        with calls(f"reading the network {task.name}"):
            tree = parse(handle.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
        _define(task, render(xml.marked(tree, record)))


def _define(task: Task, text: str) -> libvirt.virNetwork:
    task.progress.call("network.define", task.name)
    with calls(f"defining the network {task.name}"):
        return task.site.connection.networkDefineXML(text)


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Stop it and forget it; refused while a guest runs in it."""
    name = site.identity.name(observed.origin)
    handle = find(site, name)
    if handle is None:
        return
    with calls(f"reading the ports of the network {name}"):
        ports = handle.listAllPorts() if handle.isActive() else []
    if ports:
        raise DriverError(ErrorClass.RACE, f"{len(ports)} NICs of running guests are in the network {name}")
    if handle.isActive():
        progress.call("network.stop", name)
        with unless(ErrorClass.RACE), calls(f"stopping the network {name}"):
            handle.destroy()
    wires.remove(site, observed.origin, progress)
    progress.call("network.undefine", name)
    with unless(ErrorClass.GONE), calls(f"undefining the network {name}"):
        handle.undefine()
