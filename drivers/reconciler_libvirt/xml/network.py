"""Networks: what we set of one, written into a tree and read back from it."""

from __future__ import annotations

import copy
import ipaddress
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt import ledger
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.xml.tree import attribute, put

DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_OPTION, _SERVERS = f"{{{DNSMASQ}}}option", "dhcp-option=option:dns-server,"
ElementTree.register_namespace("dnsmasq", DNSMASQ)


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What we set of a network. `leases` is the whole DHCP table, MAC and address; `names` what DNS answers, address
    and name: those belong to the instances, not to the network. `servers` are the resolvers that DHCP tells.

    One of mode bridge is a name for its `bridge`, and nothing else: libvirt runs nothing in it.
    """

    name: str
    uuid: str
    record: Record
    mode: str
    bridge: str
    mac: str = ""
    cidr: str = ""
    gateway: str = ""
    cidr6: str | None = None
    gateway6: str | None = None
    dhcp: bool = True
    leases: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    domain: str | None = None
    servers: tuple[str, ...] = ()


def write(spec: NetworkSpec) -> Element:
    """A new network's tree."""
    tree = Element("network")
    put(tree, "name", spec.name)
    put(tree, "uuid", spec.uuid)
    ledger.place(tree, spec.record)
    _forward(tree, spec)
    if spec.mode == "bridge":
        SubElement(tree, "bridge", name=spec.bridge)
        return tree
    SubElement(tree, "bridge", name=spec.bridge, stp="on", delay="0")
    SubElement(tree, "mac", address=spec.mac)
    if spec.domain is not None:
        SubElement(tree, "domain", name=spec.domain, localOnly="yes")
    names = SubElement(tree, "dns")
    for address, name in spec.names:
        names.append(dns_host(address, name))
    _addresses(tree, spec)
    if spec.servers:
        SubElement(SubElement(tree, f"{{{DNSMASQ}}}options"), _OPTION, value=_SERVERS + ",".join(spec.servers))
    return tree


def _forward(tree: Element, spec: NetworkSpec) -> None:
    if spec.mode != "isolated":
        forward = SubElement(tree, "forward", mode=_FORWARDS[spec.mode])
        if spec.mode == "nat" and spec.cidr6:
            SubElement(forward, "nat", ipv6="yes")


_FORWARDS = {"nat": "nat", "routed": "route", "bridge": "bridge"}
_MODES = {forward: mode for mode, forward in _FORWARDS.items()}


def _addresses(tree: Element, spec: NetworkSpec) -> None:
    prefix = str(ipaddress.IPv4Network(spec.cidr).prefixlen)
    ip = SubElement(tree, "ip", address=spec.gateway, prefix=prefix)
    if spec.dhcp:
        dhcp = SubElement(ip, "dhcp")
        for mac, address in spec.leases:
            SubElement(dhcp, "host", mac=mac, ip=address)
    if spec.cidr6 and spec.gateway6:
        prefix6 = str(ipaddress.IPv6Network(spec.cidr6).prefixlen)
        SubElement(tree, "ip", family="ipv6", address=spec.gateway6, prefix=prefix6)


def marked(stored: Element, record: Record) -> Element:
    """A stored network with another record, all else kept."""
    tree = copy.deepcopy(stored)
    ledger.place(tree, record)
    return tree


def dns_host(address: str, name: str | None) -> Element:
    """One DNS name, as an element of its own, for `virNetworkUpdate`. What is to be deleted goes without a name: with
    one, libvirt would also mean the address of the other family that bears it.
    """
    host = Element("host", ip=address)
    put(host, "hostname", name)
    return host


def read(tree: Element, fleet_id: str) -> NetworkSpec:
    """What a network's tree says of what we set. Raises `ledger.NotOurs` or `ValueError`."""
    ip, ip6 = _ip(tree, "ipv4"), _ip(tree, "ipv6")
    forward = attribute(tree, "forward", "mode")
    return NetworkSpec(
        name=tree.findtext("name") or "",
        uuid=tree.findtext("uuid") or "",
        record=ledger.read(tree, fleet_id, "Network"),
        mode=_MODES.get(forward, forward) if forward else "isolated",
        bridge=attribute(tree, "bridge", "name") or "",
        mac=(attribute(tree, "mac", "address") or "").lower(),
        cidr=_cidr(ip) or "",
        gateway="" if ip is None else ip.get("address", ""),
        cidr6=_cidr(ip6),
        gateway6=None if ip6 is None else ip6.get("address"),
        dhcp=forward == "bridge" or tree.find("ip/dhcp") is not None,
        leases=tuple((host.get("mac", ""), host.get("ip", "")) for host in tree.iterfind("ip/dhcp/host")),
        names=tuple(sorted(_names(tree))),
        domain=attribute(tree, "domain", "name"),
        servers=_servers(tree),
    )


def _ip(tree: Element, family: str) -> Element | None:
    return next((node for node in tree.iterfind("ip") if node.get("family", "ipv4") == family), None)


def _cidr(node: Element | None) -> str | None:
    if node is None:
        return None
    size = node.get("prefix") or node.get("netmask") or ("32" if node.get("family", "ipv4") == "ipv4" else "128")
    return str(ipaddress.ip_network(f"{node.get('address')}/{size}", strict=False))


def _names(tree: Element) -> list[tuple[str, str]]:
    return [(host.get("ip", ""), host.findtext("hostname") or "") for host in tree.iterfind("dns/host")]


def _servers(tree: Element) -> tuple[str, ...]:
    """The resolvers that DHCP tells."""
    told = (option.get("value", "") for option in tree.iterfind(f"{{{DNSMASQ}}}options/{_OPTION}"))
    return next((tuple(text.removeprefix(_SERVERS).split(",")) for text in told if text.startswith(_SERVERS)), ())
