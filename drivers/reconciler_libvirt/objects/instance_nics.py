"""The NICs of an instance outside its domain: DNS names, filters, and being joined to its networks."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler_libvirt import links, names
from reconciler_libvirt.connection import calls
from reconciler_libvirt.enforcement import NicFilter, NicState
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.objects import network
from reconciler_libvirt.objects.instance_work import Work
from reconciler_libvirt.reading import look, plugged
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.device import with_link_up
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec, dns_host
from reconciler_libvirt.xml.tree import parse, render


def known_addresses(site: Site, spec: DomainSpec | None) -> set[tuple[Address, str]]:
    """The addresses under which a domain's NICs are known, with their networks."""
    if spec is None:
        return set()
    found = ((names.read_name(site.identity, "Network", nic.network), nic.name) for nic in spec.nics)
    return {(where, address) for where, nic in found if where for address in noted_addresses(spec.record, nic)}


def noted_addresses(record: Record, nic: str) -> list[str]:
    """The addresses of a NIC, of either family, as they are noted."""
    found = (record.noted.get(f"nics.{nic}.{path}") for path in ("address", "address6"))
    return [str(address) for address in found if address]


def forget_names(work: Work) -> None:
    """Take away the names of addresses that the instance no longer has. Before the define, which makes us forget
    what those were.
    """
    former = known_addresses(work.site, work.stored)
    kept = {(nic.network, address) for nic in work.nics for address in nic.addresses}
    kept |= known_addresses(work.site, work.running(work.domain))
    for where, address in sorted(former - kept):
        set_name(work.site, where, address, None, work.task.progress)


def ensure_names(work: Work) -> None:
    """Each NIC's name for its addresses of both families, in the stored and in the live form of its network.

    Of two NICs in one network the first bears the name.
    """
    borne: set[Address] = set()
    for nic in work.nics:
        for address in nic.addresses if nic.dns_name and nic.network not in borne else ():
            set_name(work.site, nic.network, address, nic.dns_name, work.task.progress)
        borne.add(nic.network)


def set_name(site: Site, where: Address, address: str, wanted: str | None, progress: Progress) -> None:
    """Give an address a name in a network, or none. What stands in the way goes first: the address's former name,
    and the name's former address of the same family.
    """
    handle = network.find(site, site.identity.name(where))
    if handle is None:
        return
    reading = look(site, handle)
    forms = (
        (reading.stored, libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG),
        (reading.running, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE),
    )
    for form, flag in forms:
        known = form.names if isinstance(form, NetworkSpec) else ((address, wanted),)
        for former in known:
            same_family = (":" in former[0]) == (":" in address)
            if former != (address, wanted) and (former[0] == address or (same_family and former[1] == wanted)):
                _update(handle, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, former[0], None, flag, progress)
        if wanted is not None and (address, wanted) not in known:
            _update(handle, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, address, wanted, flag, progress)


def _update(
    handle: libvirt.virNetwork, command: int, address: str, name: str | None, flag: int, progress: Progress
) -> None:
    progress.call("network.update", f"{handle.name()} {name or address}")
    with calls(f"changing the names of the network {handle.name()}"):
        handle.update(command, libvirt.VIR_NETWORK_SECTION_DNS_HOST, -1, render(dns_host(address, name)), flag)


def _filters(work: Work, running: DomainSpec | None) -> Iterator[NicFilter]:
    """What is to confine each NIC. One that runs is confined to what it has until the guest is started anew."""
    live = {nic.name: nic for nic in running.nics} if running else {}
    for nic in work.nics:
        mac, address, address6 = nic.mac, nic.address, nic.address6
        if running and nic.name in live:
            mac, noted = live[nic.name].mac, running.record.noted
            address, address6 = (str(noted.get(f"nics.{nic.name}.{path}") or "") for path in ("address", "address6"))
        network = work.networks[nic.network]
        yield NicFilter(
            instance=work.origin,
            nic=nic.name,
            tap=nic.tap,
            mac=mac,
            address=address,
            address6=address6,
            gateway=network.gateway if network.dhcp else "",
            groups=nic.groups,
        )


def _stands(state: NicState | None, wanted: NicFilter) -> bool:
    """Whether the kernel holds exactly that filter."""
    if state is None or not state.intact:
        return False
    found = (state.tap, state.mac.lower(), state.address, state.address6, state.gateway)
    same = found == (wanted.tap, wanted.mac, wanted.address, wanted.address6, wanted.gateway)
    return same and set(state.groups) == set(wanted.groups)


def ensure_filters(work: Work, domain: libvirt.virDomain) -> None:
    """Write the filters that do not stand, and remove those of NICs that are gone."""
    table, there = work.site.table, work.site.table.observe().nics
    running = work.running(domain)
    for wanted in _filters(work, running):
        if not _stands(there.get((work.origin, wanted.nic)), wanted):
            work.task.progress.call("nic.filter", f"{work.task.name} {wanted.nic}")
            table.apply_nic(wanted)
    kept = {nic.name for nic in work.nics} | {nic.name for nic in (running.nics if running else ())}
    remove_filters(work.site, work.origin, kept, work.task.progress)


def remove_filters(site: Site, origin: Address, kept: set[str], progress: Progress) -> None:
    """Remove the filters of NICs that are not kept; their guest does not run."""
    for owner, nic in sorted(site.table.observe().nics):
        if owner == origin and nic not in kept:
            progress.call("nic.unfilter", f"{site.identity.name(origin)} {nic}")
            site.table.remove_nic(origin, nic)


def join(work: Work, domain: libvirt.virDomain) -> None:
    """Plug in what is unplugged, and raise each link that is down, behind a filter that was read back."""
    running = work.running(domain)
    if running is None:
        raise DriverError(ErrorClass.NOT_FOLLOWED, f"{work.task.name} was started, and does not run")
    there, taps = work.site.table.observe().nics, plugged(links.read(work.site.channel))
    live = {nic.name: nic for nic in running.nics}
    for wanted in _filters(work, running):
        if wanted.nic not in live:
            continue
        if wanted.tap in taps and live[wanted.nic].up:
            continue
        _require(work, wanted, there.get((work.origin, wanted.nic)))
        if wanted.tap not in taps:
            _plug_in(work, live[wanted.nic].network, wanted.tap)
        if not live[wanted.nic].up:
            _raise(work, domain, wanted.nic)


def _plug_in(work: Work, where: str, tap: str) -> None:
    bridge = next((found.bridge for found in work.networks.values() if found.name == where), "")
    work.task.progress.call("nic.plug", f"{work.task.name} {tap}")
    work.site.channel.run("ip", "link", "set", "dev", tap, "master", bridge)


def _require(work: Work, wanted: NicFilter, state: NicState | None) -> None:
    if not _stands(state, wanted):
        why = f": {state.reason}" if state and state.reason else ""
        message = f"{work.task.name}: the filter of NIC {wanted.nic} is not in force, so it is not joined{why}"
        raise DriverError(ErrorClass.NOT_FOLLOWED, message)


def _raise(work: Work, domain: libvirt.virDomain, nic: str) -> None:
    with calls(f"reading {work.task.name}"):
        device = with_link_up(parse(domain.XMLDesc(0)), nic)
    if device is None:
        return
    work.task.progress.call("nic.link-up", f"{work.task.name} {nic}")
    with calls(f"raising the link of NIC {nic} of {work.task.name}"):
        domain.updateDeviceFlags(render(device), libvirt.VIR_DOMAIN_AFFECT_LIVE)
