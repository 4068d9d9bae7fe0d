"""A domain's devices, as far as they are ours: the two disks and the NICs. They are known by their aliases."""

from __future__ import annotations

import copy
from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt.xml.tree import attribute, child, put

ROOT, SEED, NIC = "ua-root", "ua-seed", "ua-nic-"


class NicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC: its name with us, MAC, libvirt's name of its network, and the fixed name of the host's end.

    `up` is whether its link is: that is only read, since the stored link is always written down.
    """

    name: str
    mac: str
    network: str
    tap: str
    up: bool = False


def write_devices(devices: Element, root: str, seed: str, nics: tuple[NicSpec, ...]) -> None:
    """Edit a domain's devices: ours as they should be, the rest as it is."""
    _disk(devices, ROOT, root, "qcow2", "vda")
    _disk(devices, SEED, seed, "raw", "vdb")
    ours = {NIC + nic.name for nic in nics}
    for node in devices.findall("interface"):
        alias = attribute(node, "alias", "name") or ""
        if alias.startswith(NIC) and alias not in ours:
            devices.remove(node)
    for nic in nics:
        _nic(devices, nic)


def device(root: Element, tag: str, alias: str) -> Element | None:
    """Our device of that alias below `root`, the domain or its devices."""
    nodes = root.iter(tag)
    return next((node for node in nodes if attribute(node, "alias", "name") == alias), None)


def _own_device(devices: Element, tag: str, alias: str) -> Element:
    node = device(devices, tag, alias)
    if node is None:
        node = SubElement(devices, tag)
        child(node, "alias", name=alias)
    return node


def _disk(devices: Element, alias: str, path: str, file_format: str, target: str) -> None:
    """Formats are always told, never probed: a guest can write any header it likes to its disk."""
    node = _own_device(devices, "disk", alias)
    node.attrib.update(type="file", device="disk")
    child(node, "driver", name="qemu", type=file_format)
    child(node, "source", file=path)
    if node.find("target") is None:
        child(node, "target", dev=target, bus="virtio")
    put(node, "serial", alias.removeprefix("ua-"))
    if alias == SEED:
        child(node, "readonly")


def _nic(devices: Element, nic: NicSpec) -> None:
    """The link is stored down: it is raised on the running guest, after its filter was read back."""
    node = _own_device(devices, "interface", NIC + nic.name)
    node.set("type", "network")
    child(node, "mac", address=nic.mac)
    source = child(node, "source")
    source.attrib.clear()
    source.set("network", nic.network)
    child(node, "target", dev=nic.tap)
    child(node, "model", type="virtio")
    child(node, "link", state="down")


def disk_source(tree: Element, alias: str) -> str:
    """The path of one of our disks; empty if it is not there."""
    node = device(tree, "disk", alias)
    return "" if node is None else attribute(node, "source", "file") or ""


def read_nics(tree: Element) -> tuple[NicSpec, ...]:
    """Our NICs, by name."""
    found = [
        NicSpec(
            name=(attribute(node, "alias", "name") or "").removeprefix(NIC),
            mac=(attribute(node, "mac", "address") or "").lower(),
            network=attribute(node, "source", "network") or "",
            tap=attribute(node, "target", "dev") or "",
            up=attribute(node, "link", "state") != "down",
        )
        for node in tree.iterfind("devices/interface")
        if (attribute(node, "alias", "name") or "").startswith(NIC)
    ]
    return tuple(sorted(found, key=lambda nic: nic.name))


def with_link_up(tree: Element, nic: str) -> Element | None:
    """The NIC's live device with its link up, for libvirt to update it to; None when there is no such NIC."""
    found = device(tree, "interface", NIC + nic)
    if found is None:
        return None
    node = copy.deepcopy(found)
    child(node, "link", state="up")
    return node


def disk_target(tree: Element, alias: str) -> str:
    """The target name (`vda`) of one of our disks."""
    node = device(tree, "disk", alias)
    return "" if node is None else attribute(node, "target", "dev") or ""
