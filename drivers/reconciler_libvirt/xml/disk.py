"""A domain's disks, as far as they are ours: root, seed and data disks. They are known by their aliases.

On a disk of ours somebody may have put a snapshot: an overlay, in which is all that the guest has written since. Then
it is still that disk, and what lies on it is left there: without it, the guest would lose what it wrote.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from reconciler_libvirt.xml.tree import attribute, child, device, drop, own_device, put

ROOT, SEED, DATA = "ua-root", "ua-seed", "ua-vol-"
_OURS = (".root", ".seed", ".data.qcow2", ".data.raw")
"""How the names of their files end."""


class DiskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A data disk: its name with us, the file or (`block`) device that it is, and the serial that its guest sees."""

    name: str
    path: str
    format: str
    serial: str
    read_only: bool = False
    block: bool = False


def write_disks(devices: Element, root: str, seed: str, data: tuple[DiskSpec, ...]) -> None:
    """Edit a domain's disks: ours as they should be, the rest as it is. Target names are kept."""
    _disk(devices, ROOT, root, "qcow2", "root")
    _disk(devices, SEED, seed, "raw", "seed", read_only=True)
    ours = {DATA + disk.name for disk in data}
    for node in devices.findall("disk"):
        alias = attribute(node, "alias", "name") or ""
        if alias.startswith(DATA) and alias not in ours:
            devices.remove(node)
    for disk in data:
        alias, only = DATA + disk.name, disk.read_only
        _disk(devices, alias, disk.path, disk.format, disk.serial, read_only=only, block=disk.block)


def _disk(
    devices: Element,
    alias: str,
    path: str,
    file_format: str,
    serial: str,
    *,
    read_only: bool = False,
    block: bool = False,
) -> None:
    """Formats are always told, never probed: a guest can write any header it likes to its disk."""
    node = own_device(devices, "disk", alias)
    if path not in _below(node):
        node.attrib.update(type="block" if block else "file", device="disk")
        child(node, "driver", name="qemu", type=file_format)
        source = child(node, "source")
        source.attrib.clear()
        source.set("dev" if block else "file", path)
        drop(node, "backingStore")
    if node.find("target") is None:
        child(node, "target", dev=_free_target(devices), bus="virtio")
    put(node, "serial", serial)
    if read_only:
        child(node, "readonly")
    else:
        drop(node, "readonly")


def _path(layer: Element) -> str:
    return attribute(layer, "source", "file") or attribute(layer, "source", "dev") or ""


def _below(node: Element) -> tuple[str, ...]:
    """The files below the one that a disk is written to."""
    return tuple(_path(layer) for layer in node.iter("backingStore"))


def _ours(node: Element) -> Element:
    """The layer of a disk that we made; the uppermost if we made none."""
    layers = (node, *node.iter("backingStore"))
    return next((layer for layer in layers if _path(layer).endswith(_OURS)), node)


def snapshot(tree: Element, alias: str) -> str:
    """The file that somebody put on one of our disks; empty if there is none."""
    node = device(tree, "disk", alias)
    return "" if node is None or _ours(node) is node else _path(node)


def _free_target(devices: Element) -> str:
    taken = {attribute(disk, "target", "dev") for disk in devices.iterfind("disk")}
    letters = ("".join(each) for size in (1, 2) for each in itertools.product(string.ascii_lowercase, repeat=size))
    return next(name for letter in letters if (name := f"vd{letter}") not in taken)


def read_disks(tree: Element) -> tuple[DiskSpec, ...]:
    """Our data disks, by name."""
    return tuple(sorted(_read(tree), key=lambda disk: disk.name))


def _read(tree: Element) -> Iterator[DiskSpec]:
    for node in tree.iterfind("devices/disk"):
        alias = attribute(node, "alias", "name") or ""
        if alias.startswith(DATA):
            layer = _ours(node)
            yield DiskSpec(
                name=alias.removeprefix(DATA),
                path=_path(layer),
                format=attribute(layer, "format" if layer is not node else "driver", "type") or "",
                serial=node.findtext("serial") or "",
                read_only=node.find("readonly") is not None,
                block=layer.get("type") == "block",
            )


def has_bus_of(tree: Element, disk: Element) -> bool:
    """Whether a domain has the PCI bus on which a disk is to be; those of a running one do not become more."""
    bus = attribute(disk, "address", "bus")
    buses = {int(node.get("index", "0")) for node in tree.iterfind("devices/controller[@type='pci']")}
    return bus is None or int(bus, 0) in buses


def disk_source(tree: Element, alias: str) -> str:
    """The path of our root or seed disk; empty if it is not there."""
    node = device(tree, "disk", alias)
    return "" if node is None else attribute(_ours(node), "source", "file") or ""


def disk_alias(tree: Element, target: str) -> str:
    """The alias of the disk with a target name (`vda`)."""
    named = (disk for disk in tree.iterfind("devices/disk") if attribute(disk, "target", "dev") == target)
    return next((attribute(disk, "alias", "name") or "" for disk in named), "")


def disk_target(tree: Element, alias: str) -> str:
    """The target name (`vda`) of one of our disks."""
    node = device(tree, "disk", alias)
    return "" if node is None else attribute(node, "target", "dev") or ""
