"""Disks of guests on which somebody put a snapshot: they are not changed below it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.xml.disk import disk_target, snapshot


def refuse(tree: Element, alias: str) -> None:
    """Raises `DriverError` when there is one: it would be of another disk then, or still end where that ended."""
    if file := snapshot(tree, alias):
        name, target = tree.findtext("name"), disk_target(tree, alias)
        message = f"somebody put a snapshot on the disk {target} of {name}, {file}; merge it first"
        raise DriverError(ErrorClass.YOURS, f"{message}: `virsh blockcommit {name} {target} --active --pivot`")
