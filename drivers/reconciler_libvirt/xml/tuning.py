"""Limits of what a guest may use: CPU weight and time, disk and network throughput."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

import msgspec

from reconciler_libvirt.xml.device import NIC
from reconciler_libvirt.xml.disk import DATA, ROOT
from reconciler_libvirt.xml.tree import attribute, child, drop, put

_CPU = {"shares": "shares", "period": "period", "quota": "quota"}
_DISK = {"disk_bytes": "total_bytes_sec", "disk_operations": "total_iops_sec"}
_NIC = {"inbound": "inbound", "outbound": "outbound"}


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """None is whatever others have set, and 0 no limit. `shares` is a weight; `period` and `quota` are microseconds;
    those of disks are per second and disk, bytes and operations; those of NICs KiB per second and NIC.
    """

    shares: int | None = None
    period: int | None = None
    quota: int | None = None
    disk_bytes: int | None = None
    disk_operations: int | None = None
    inbound: int | None = None
    outbound: int | None = None


def write_tuning(tree: Element, tuning: Tuning) -> None:
    """Edit a domain with our disks and NICs in it: limits that are told as they should be, others as they are."""
    _write(tree, "cputune", {tag: getattr(tuning, name) for name, tag in _CPU.items()})
    for disk in _ours(tree, "disk", ROOT, DATA):
        _write(disk, "iotune", {tag: getattr(tuning, name) for name, tag in _DISK.items()})
    for nic in _ours(tree, "interface", NIC):
        for name, tag in _NIC.items():
            _average(nic, tag, getattr(tuning, name))


def _ours(tree: Element, tag: str, *aliases: str) -> list[Element]:
    return [
        node for node in tree.iterfind(f"devices/{tag}") if (attribute(node, "alias", "name") or "").startswith(aliases)
    ]


def _write(parent: Element, tag: str, values: dict[str, int | None]) -> None:
    told = {name: value for name, value in values.items() if value is not None}
    if any(told.values()):
        child(parent, tag)
    node = parent.find(tag)
    if node is None or not told:
        return
    for name, value in told.items():
        put(node, name, str(value) if value else None)
    if len(node) == 0:
        parent.remove(node)


def _average(nic: Element, tag: str, value: int | None) -> None:
    if value:
        child(child(nic, "bandwidth"), tag, average=str(value))
    node = nic.find("bandwidth")
    if value == 0 and node is not None:
        drop(node, tag)
        if len(node) == 0:
            nic.remove(node)


def read_tuning(tree: Element) -> Tuning:
    """The limits. One that is not the same on all of our disks or NICs is none of ours."""
    disks, nics = _ours(tree, "disk", ROOT, DATA), _ours(tree, "interface", NIC)
    return Tuning(
        **{name: _number(tree.findtext(f"cputune/{tag}")) for name, tag in _CPU.items()},
        **{name: _alike(disk.findtext(f"iotune/{tag}") for disk in disks) for name, tag in _DISK.items()},
        **{name: _alike(attribute(nic, f"bandwidth/{tag}", "average") for nic in nics) for name, tag in _NIC.items()},
    )


def _alike(texts: Iterable[str | None]) -> int | None:
    found = {_number(text) for text in texts}
    return found.pop() if len(found) == 1 else None


def _number(text: str | None) -> int | None:
    return int(text) if text and int(text) else None
