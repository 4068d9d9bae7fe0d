"""Whether a guest is ready: one look, for seconds at most, that leaves everything as it is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

import libvirt
import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.firewall import rule
from reconciler_libvirt import agent, ledger
from reconciler_libvirt.channel import CommandError
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.ledger import NotOurs, Record
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.tree import parse

_ALIVE = frozenset({libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED})
_CONNECT = 'exec 3<>"/dev/tcp/$0/$1"'
"""What bash does: connect to a host and a port, and leave again."""
_CONNECT_SECONDS = "3"
_TIMED_OUT = 124
_ASK = """ip neigh flush to "$0" dev "$1" 2>/dev/null; ip neigh replace "$0" dev "$1" use
for try in 1 2 3 4 5; do sleep 0.1; ip -j neigh show to "$0" nud reachable | grep lladdr && exit; done; echo "[]" """
"""Who has an address, asked now, since what the host knew may be from before the guest was started. The kernel asks
by itself, so that no rule about packets of the host is in the way."""


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """A domain of ours that runs. `nics` has the MAC and the address of each NIC."""

    site: Site
    instance: Address
    domain: libvirt.virDomain
    tree: Element
    nics: Mapping[str, tuple[str, str]]


def missing(site: Site, instance: Address, check: str) -> str:
    """What an instance still lacks to pass a check; empty when it passes. Raises `DriverError` when it never will."""
    domain = _find(site, instance)
    with calls(f"asking how {instance} is"):
        state = domain.state()[0]
    if state == libvirt.VIR_DOMAIN_PAUSED:
        return "it is paused"
    if state not in _ALIVE:
        raise DriverError(ErrorClass.YOURS, f"{instance} does not run any more")
    kind, _, port = check.partition(":")
    if kind == "running":
        return ""
    if kind == "tcp":
        return _port(_guest(site, instance, domain), port)
    return {"address": _address, "agent": _agent, "cloud-init": _cloud_init}[kind](_guest(site, instance, domain))


def _find(site: Site, instance: Address) -> libvirt.virDomain:
    """By its name, or, if it was renamed, by the address that is written on it."""
    with unless(ErrorClass.GONE), calls(f"looking for {instance}"):
        domain = site.connection.lookupByName(site.identity.name(instance))
        if _address_of(site, domain) == instance:
            return domain
    with calls("listing domains"):
        domains = site.connection.listAllDomains()
    found = next((one for one in domains if _address_of(site, one) == instance), None)
    if found is None:
        raise DriverError(ErrorClass.GONE, f"{instance} is not on host {site.host}")
    return found


def _address_of(site: Site, domain: libvirt.virDomain) -> Address | None:
    if not domain.name().startswith(site.identity.prefix + "."):
        return None
    record = _record(site, parse(domain.XMLDesc(0)))
    return record.address if record else None


def _record(site: Site, tree: Element) -> Record | None:
    try:
        return ledger.read(tree, site.identity.fleet_id, "Instance")
    except NotOurs:
        return None


def _guest(site: Site, instance: Address, domain: libvirt.virDomain) -> Guest:
    with calls(f"reading {instance}"):
        tree = parse(domain.XMLDesc(0))
    record = _record(site, tree)
    noted = record.noted if record else {}
    nics = {name: (mac, str(noted[path])) for name, mac in _macs(tree) if (path := f"nics.{name}.address") in noted}
    return Guest(site=site, instance=instance, domain=domain, tree=tree, nics=nics)


def _macs(tree: Element) -> Iterator[tuple[str, str]]:
    for nic in tree.iterfind("devices/interface"):
        alias, mac = nic.find("alias"), nic.find("mac")
        if alias is not None and mac is not None:
            yield alias.get("name", "").removeprefix("ua-nic-"), mac.get("address", "")


def _address(guest: Guest) -> str:
    """Every NIC has its address: the guest answers for it, or says so itself."""
    told = agent.addresses(guest.domain) if agent.connected(guest.tree) else frozenset()
    for mac, address in guest.nics.values():
        if address not in told and (reason := _unanswered(guest, mac, address)):
            return reason
    return ""


def _unanswered(guest: Guest, mac: str, address: str) -> str:
    route = _route(guest, address)
    if not route or "gateway" in route:
        return f"only its guest agent can tell whether it has its address {address}: the host is not in that network"
    said = guest.site.channel.run("bash", "-c", _ASK, address, str(route["dev"]))
    macs = {entry.get("lladdr") for entry in msgspec.json.decode(said)}
    if macs and mac not in macs:
        return f"another machine, {', '.join(sorted(macs))}, answers for its address {address}"
    return "" if macs else f"nobody answers for its address {address} yet"


def _route(guest: Guest, address: str) -> dict[str, Any]:
    """The host's way to an address; empty when it has none."""
    try:
        found = msgspec.json.decode(guest.site.channel.run("ip", "-j", "route", "get", address))
    except CommandError:
        return {}
    return dict(found[0]) if found else {}


def _port(guest: Guest, port: str) -> str:
    """Whether somebody answers at a TCP port, at whichever of its addresses, asked from the host's side."""
    reasons = []
    for _, address in guest.nics.values():
        if not (reason := _closed(guest, address, port)):
            return ""
        reasons.append(reason)
    return "; ".join(reasons) or "it has no address"


def _closed(guest: Guest, address: str, port: str) -> str:
    try:
        guest.site.channel.run("timeout", _CONNECT_SECONDS, "bash", "-c", _CONNECT, address, port)
    except CommandError as error:
        if error.status == _TIMED_OUT:
            return f"TCP port {port} of {address} does not answer{_hint(guest, address, int(port))}"
        return f"TCP port {port} of {address} cannot be connected to ({error.said.strip().rpartition(': ')[2]})"
    return ""


def _hint(guest: Guest, address: str, port: int) -> str:
    """Filtering that lets the host not in looks like a guest that is not there."""
    source = str(_route(guest, address).get("prefsrc", ""))
    table = guest.site.table.observe()
    nics = [state for (owner, _), state in table.nics.items() if state.address == address]
    rules = [line for nic in nics for group in nic.groups for line in _rules(table.groups, group)]
    if not nics or any(_admits(line, source, port) for line in rules):
        return ""
    return f", and no rule of its security groups lets its host ({source}) in"


def _rules(groups: Mapping[Address, object], group: Address) -> tuple[str, ...]:
    return getattr(groups.get(group), "rules", ())


def _admits(line: str, source: str, port: int) -> bool:
    """Whether a rule, as text, lets an address that is in no group in at a TCP port."""
    try:
        found = rule.parse(line)
    except ValueError:
        return True  # who knows
    fits = found.direction == "ingress" and found.protocol in (None, "tcp") and found.group is None
    ports = found.ports or (1, 65535)
    return fits and ports[0] <= port <= ports[1] and _within(source, found.cidr, found.ethertype)


def _within(source: str, cidr: str | None, ethertype: str) -> bool:
    if not source or ethertype != f"IPv{ipaddress.ip_address(source).version}":
        return False
    return cidr is None or ipaddress.ip_address(source) in ipaddress.ip_network(cidr)


def _agent(guest: Guest) -> str:
    if not agent.connected(guest.tree):
        return "its guest agent has not started"
    return "" if agent.answers(guest.domain) else "its guest agent does not answer"


def _cloud_init(guest: Guest) -> str:
    """What cloud-init leaves under /run tells more, and sooner, than asking its program would."""
    if reason := _agent(guest):
        return f"{reason} (cloud-init is asked through it)"
    result = agent.read_file(guest.domain, "/run/cloud-init/result.json")
    if result is None:
        if agent.read_file(guest.domain, "/run/cloud-init/disabled") is not None:
            raise DriverError(ErrorClass.YOURS, f"cloud-init is disabled in {guest.instance}")
        return _stage(agent.read_file(guest.domain, "/run/cloud-init/status.json"))
    errors = msgspec.json.decode(result)["v1"]["errors"]
    if errors:
        raise DriverError(ErrorClass.YOURS, f"cloud-init failed in {guest.instance}: {'; '.join(map(str, errors))}")
    return ""


def _stage(status: bytes | None) -> str:
    stage = msgspec.json.decode(status)["v1"].get("stage") if status else None
    return f"cloud-init is at work ({stage})" if stage else "cloud-init is not done"
