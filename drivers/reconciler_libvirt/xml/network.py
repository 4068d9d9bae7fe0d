"""Networks: what we set of one, written into a tree and read back from it."""

from __future__ import annotations

import copy
import ipaddress
from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt import ledger
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.xml.tree import attribute, put


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What we set of a network. `leases` is the whole DHCP table, MAC and address; `names` what DNS answers, address
    and name: those belong to the instances, not to the network.
    """

    name: str
    uuid: str
    record: Record
    mode: str
    bridge: str
    mac: str
    cidr: str
    gateway: str
    leases: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    domain: str | None = None


def write(spec: NetworkSpec) -> Element:
    """A new network's tree."""
    tree = Element("network")
    put(tree, "name", spec.name)
    put(tree, "uuid", spec.uuid)
    ledger.place(tree, spec.record)
    if spec.mode == "nat":
        SubElement(tree, "forward", mode="nat")
    SubElement(tree, "bridge", name=spec.bridge, stp="on", delay="0")
    SubElement(tree, "mac", address=spec.mac)
    if spec.domain is not None:
        SubElement(tree, "domain", name=spec.domain, localOnly="yes")
    names = SubElement(tree, "dns")
    for address, name in spec.names:
        names.append(dns_host(address, name))
    prefix = str(ipaddress.IPv4Network(spec.cidr).prefixlen)
    dhcp = SubElement(SubElement(tree, "ip", address=spec.gateway, prefix=prefix), "dhcp")
    for mac, address in spec.leases:
        SubElement(dhcp, "host", mac=mac, ip=address)
    return tree


def marked(stored: Element, record: Record) -> Element:
    """A stored network with another record, all else kept."""
    tree = copy.deepcopy(stored)
    ledger.place(tree, record)
    return tree


def dns_host(address: str, name: str) -> Element:
    """One DNS name, as an element of its own, for `virNetworkUpdate`."""
    host = Element("host", ip=address)
    SubElement(host, "hostname").text = name
    return host


def read(tree: Element, fleet_id: str) -> NetworkSpec:
    """What a network's tree says of what we set. Raises `ledger.NotOurs` or `ValueError`."""
    gateway = attribute(tree, "ip", "address") or ""
    return NetworkSpec(
        name=tree.findtext("name") or "",
        uuid=tree.findtext("uuid") or "",
        record=ledger.read(tree, fleet_id, "Network"),
        mode=attribute(tree, "forward", "mode") or "isolated",
        bridge=attribute(tree, "bridge", "name") or "",
        mac=(attribute(tree, "mac", "address") or "").lower(),
        cidr=_cidr(tree.find("ip")),
        gateway=gateway,
        leases=tuple((host.get("mac", ""), host.get("ip", "")) for host in tree.iterfind("ip/dhcp/host")),
        names=tuple(sorted(_names(tree))),
        domain=attribute(tree, "domain", "name"),
    )


def _cidr(node: Element | None) -> str:
    if node is None:
        return ""
    size = node.get("prefix") or node.get("netmask") or "32"
    return str(ipaddress.IPv4Network(f"{node.get('address')}/{size}", strict=False))


def _names(tree: Element) -> list[tuple[str, str]]:
    return [(host.get("ip", ""), host.findtext("hostname") or "") for host in tree.iterfind("dns/host")]
