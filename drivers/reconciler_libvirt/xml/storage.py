"""The storage pool and its volumes."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import msgspec

from reconciler_libvirt.xml.tree import attribute, child, put


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A volume. `capacity` is bytes; `backing` the path and format of the volume below an overlay."""

    name: str
    capacity: int
    format: str
    backing: tuple[str, str] | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that is there, with its path. `capacity` is bytes, as guests see them; `format` is what libvirt takes it
    for, which who writes to it can change; `physical` is the size of the file or device.
    """

    name: str
    path: str
    capacity: int
    backing: str | None = None
    format: str | None = None
    physical: int = 0
    block: bool = False


class PoolForm(msgspec.Struct, frozen=True, kw_only=True):
    """A pool that somebody else made: libvirt's word for its type, where it is, and how many bytes it has."""

    type: str
    path: str
    capacity: int


def pool(name: str, uuid: str, path: str) -> Element:
    """A folder that others can walk through but not list; QEMU's user has to reach the files below."""
    tree = Element("pool", type="dir")
    put(tree, "name", name)
    put(tree, "uuid", uuid)
    target = SubElement(tree, "target")
    put(target, "path", path)
    _permissions(target, "0711")
    return tree


def volume(spec: VolumeSpec) -> Element:
    """A volume that only root can read; libvirt hands it to QEMU's user while a guest needs it."""
    tree = Element("volume", type="file")
    put(tree, "name", spec.name)
    child(tree, "capacity", unit="bytes").text = str(spec.capacity)
    if spec.format == "raw":
        child(tree, "allocation", unit="bytes").text = "0"
    target = SubElement(tree, "target")
    SubElement(target, "format", type=spec.format)
    _permissions(target, "0600")
    if spec.backing:
        path, file_format = spec.backing
        below = SubElement(tree, "backingStore")
        put(below, "path", path)
        SubElement(below, "format", type=file_format)
    return tree


def _permissions(target: Element, mode: str) -> None:
    permissions = SubElement(target, "permissions")
    put(permissions, "mode", mode)
    put(permissions, "owner", "0")
    put(permissions, "group", "0")


def read_volume(tree: Element) -> Volume:
    """What a volume's tree says."""
    return Volume(
        name=tree.findtext("name") or "",
        path=tree.findtext("target/path") or "",
        capacity=int(tree.findtext("capacity") or 0),
        backing=tree.findtext("backingStore/path"),
        format=attribute(tree, "target/format", "type"),
        physical=int(tree.findtext("physical") or 0),
        block=tree.get("type") == "block",
    )


def read_pool(tree: Element) -> PoolForm:
    """What a pool's tree says."""
    return PoolForm(
        type=tree.get("type") or "",
        path=tree.findtext("target/path") or "",
        capacity=int(tree.findtext("capacity") or 0),
    )
