"""What a libvirt host holds, ours or not, and how what it says of us is spoilt."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import libvirt

from reconciler_libvirt.ledger import NAMESPACE
from tests.support.contract import OTHER_FLEET_ID, Damage
from tests.support.hosts import POOL, Host

STORED = libvirt.VIR_DOMAIN_XML_INACTIVE
CHANGING = frozenset({"handle", "packets", "bytes"})
"""What nft shows of a table that changes by itself."""
OF_LIBVIRT = frozenset({"filter", "nat", "mangle", "raw", "security"})


def everything(connection: libvirt.virConnect, host: Host) -> object:
    """All of it, so that any change shows."""
    things = (*connection.listAllDomains(), *connection.listAllNetworks())
    pools = connection.listAllStoragePools()
    return {
        "defined": {thing.name(): thing.XMLDesc(STORED if _is_domain(thing) else 1) for thing in things},
        "running": {thing.name(): thing.XMLDesc(0) for thing in things if thing.isActive()},
        "pools": {pool.name(): (pool.UUIDString(), pool.isActive(), pool.autostart()) for pool in pools},
        "files": sorted(host.run("find", POOL, "-mindepth", "1", check=False).stdout.split()),
        "tables": list(_tables(host)),
        "devices": sorted(host.run("ls", "/sys/class/net").stdout.split()),
    }


def _tables(host: Host) -> Iterator[object]:
    for line in host.run("nft", "list", "tables").stdout.splitlines():
        _, family, name = line.split()
        if name not in OF_LIBVIRT:
            yield family, _steady(json.loads(host.run("nft", "-j", "list", "table", family, name).stdout))


def _is_domain(thing: object) -> bool:
    return isinstance(thing, libvirt.virDomain)


def _steady(value: Any) -> object:
    """What nft lists, without what changes by itself; elements of sets come in no order."""
    if isinstance(value, dict):
        return {key: _steady(part) for key, part in value.items() if key not in CHANGING}
    return sorted((_steady(part) for part in value), key=repr) if isinstance(value, list) else value


def raised(domain: libvirt.virDomain) -> Iterator[str]:
    """The taps of the NICs of a running guest whose links are up."""
    try:
        tree = ElementTree.fromstring(domain.XMLDesc(0))
    except libvirt.libvirtError:
        return  # it ended meanwhile
    for nic in tree.iterfind("devices/interface"):
        link, target = nic.find("link"), nic.find("target")
        if target is not None and (link is None or link.get("state") != "down"):
            yield target.get("dev", "")


def spoil(tree: Element, damage: Damage) -> None:
    """Spoil our metadata in the definition of a domain or a network."""
    metadata = tree.find("metadata")
    assert metadata is not None
    (mark,) = metadata.findall(f"{{{NAMESPACE}}}object")
    if damage == "stranger":
        mark.set("fleet", OTHER_FLEET_ID)
    elif damage == "malformed":
        mark.attrib.pop("address")
    elif damage == "oversized":
        SubElement(mark, f"{{{NAMESPACE}}}noted", {"path": "nics.x.address"}).text = json.dumps("x" * (1 << 18))
    else:
        mark.append(copy.deepcopy(mark))  # libvirt itself takes away a second one beside the first
