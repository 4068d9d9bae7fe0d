"""Volumes grow, under their guests if they run, and never shrink."""

from __future__ import annotations

import libvirt

from reconciler import quantity
from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.connection import calls
from reconciler_libvirt.names import read_name
from reconciler_libvirt.objects import snapshots
from reconciler_libvirt.pool import Volumes
from reconciler_libvirt.site import Task
from reconciler_libvirt.users import User, guests
from reconciler_libvirt.xml.disk import disk_alias
from reconciler_libvirt.xml.storage import Volume
from reconciler_libvirt.xml.tree import parse


def ensure(task: Task, pool: Volumes, volume: Volume, size: int, wanted: int) -> None:
    """Let a volume of `size` grow to what is wanted. A shrink is refused here again, right before the call: QEMU would
    carry it out, and the data would be gone.
    """
    if size > wanted:
        message = f"{volume.name}: a volume cannot shrink from {quantity.render(size)} to {quantity.render(wanted)}"
        raise DriverError(ErrorClass.UNSUPPORTED, message)
    if size == wanted:
        return
    open_in = [user for user in guests(task.site, [volume.path]) if user.domain is not None]
    for user in open_in[:1]:
        _grow_under(task, user, wanted)
    if not open_in:
        _grow(task, pool, volume, wanted)


def _grow(task: Task, pool: Volumes, volume: Volume, wanted: int) -> None:
    if volume.name.endswith(".raw") and volume.format not in ("raw", None):
        message = f"{volume.name}: what a guest wrote to it makes libvirt take it for {volume.format}"
        raise DriverError(ErrorClass.UNSUPPORTED, f"{message}; let it grow while an instance runs with it")
    pool.grow(volume.name, wanted, task.progress)


def _grow_under(task: Task, user: User, wanted: int) -> None:
    assert user.domain is not None
    if read_name(task.site.identity, "Instance", user.name) is None:
        message = f"{task.wanted.key} is open in {user.name}, which is not ours; it grows once that has let go of it"
        raise DriverError(ErrorClass.RACE, message)
    with calls(f"reading {user.name}"):
        tree = parse(user.domain.XMLDesc(0))
    snapshots.refuse(tree, disk_alias(tree, user.target))
    task.progress.call("domain.resize", f"{user.name} {user.target}")
    with calls(f"growing {task.wanted.key} under {user.name}"):
        user.domain.blockResize(user.target, wanted, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
