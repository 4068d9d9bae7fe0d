"""The data disks of an instance: which volumes they are, and their coming and going under a running guest."""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.etree.ElementTree import Element

import libvirt

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Value
from reconciler_libvirt import names
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.objects import volume_marks
from reconciler_libvirt.objects.instance_work import Work
from reconciler_libvirt.objects.volume_marks import Marks
from reconciler_libvirt.xml.disk import DATA, DiskSpec, has_bus_of, read_disks
from reconciler_libvirt.xml.storage import Volume
from reconciler_libvirt.xml.tree import device, parse, render

_ASK_AGAIN = 5.0
"""Seconds; a guest that is still booting does not hear that it is to let go of a disk."""
_LOOK_AGAIN = 0.1


def wanted(work: Work) -> tuple[DiskSpec, ...]:
    """The data disks as they are wanted, by name. Raises `DriverError` when a volume is not there."""
    found = sorted({path.split(".")[1] for path, value in work.fields.items() if _names_volume(path, value)})
    return tuple(_wanted(work, name) for name in found)


def _names_volume(path: str, value: Value) -> bool:
    return path.startswith("volumes.") and path.endswith(".volume") and value is not None


def _wanted(work: Work, name: str) -> DiskSpec:
    address, serial = work.fields[f"volumes.{name}.volume"], work.fields.get(f"volumes.{name}.serial")
    there = {disk.name: disk for disk in work.stored.disks} if work.stored else {}
    if not str(address).startswith("Volume/"):
        return there[name]  # somebody's change that waits for consent to be undone
    origin = Address.parse(str(address))
    marks = volume_marks.of(work.site, origin)
    volume = _volume(work, marks)
    return DiskSpec(
        name=name,
        path=volume.path,
        format=str(marks.format),
        serial=str(serial or work.site.identity.serial(origin)),
        read_only=bool(work.fields.get(f"volumes.{name}.readOnly")),
        block=volume.block,
    )


def _volume(work: Work, marks: Marks) -> Volume:
    if marks.whole:
        pool, name = volume_marks.place(work.site, marks)
        if (volume := pool.volume(name)) is not None:
            return volume
    elif taken := {names.data(work.site.identity, marks.origin, each) for each in names.FORMATS} & set(
        work.site.storage.names()
    ):
        raise DriverError(ErrorClass.EXISTS, f"the volume {min(taken)} is in the way of {marks.origin}: not ours")
    raise DriverError(ErrorClass.YOURS, f"{work.task.name}: {marks.origin} is not on this host")


def follow(work: Work, domain: libvirt.virDomain) -> None:
    """Let a running guest have the disks that are stored for it, and no others of ours."""
    stored, running = _trees(work, domain)
    there, asked = ({disk.name: disk for disk in read_disks(tree)} for tree in (running, stored))
    for name in sorted(there):
        if there[name] != asked.get(name):
            _unplug(work, domain, name)
    for name in sorted(asked):
        if there.get(name) != asked[name]:
            _plug(work, domain, stored, running, name)


def _trees(work: Work, domain: libvirt.virDomain) -> tuple[Element, Element]:
    with calls(f"reading {work.task.name}"):
        return parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)), parse(domain.XMLDesc(0))


def _plug(work: Work, domain: libvirt.virDomain, stored: Element, running: Element, name: str) -> None:
    """Under the target name and the address that the stored form has, so that the guest finds it there again."""
    node = device(stored, "disk", DATA + name)
    assert node is not None
    if not has_bus_of(running, node):
        message = f"{work.task.name} has no free slot for the disk {name} as it runs"
        raise DriverError(ErrorClass.UNSUPPORTED, f"{message}; stop it and start it again, and it comes with more")
    work.task.progress.call("domain.attach", f"{work.task.name} {name}")
    with calls(f"giving the disk {name} to {work.task.name} as it runs"):
        domain.attachDeviceFlags(render(node), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _unplug(work: Work, domain: libvirt.virDomain, name: str) -> None:
    """The guest has to let go: asked again and again, and read back until it has, or until the deadline."""
    deadline = work.site.settings.follow_deadline
    work.task.progress.call("domain.detach", f"{work.task.name} {name}")
    work.task.progress.note(f"waiting up to {deadline:.0f} s for {work.task.name} to let go of the disk {name}")
    if not follows(lambda: _gone(work, domain, name), lambda: _ask(work, domain, name), deadline):
        message = f"{work.task.name} was asked to let go of the disk {name} and has not followed in {deadline:.0f} s"
        raise DriverError(ErrorClass.NOT_FOLLOWED, f"{message}; it goes with the next start at the latest")


def follows(done: Callable[[], bool], ask: Callable[[], None], deadline: float) -> bool:
    """Ask until it is done, or until `deadline` seconds are over."""
    end, next_ask = time.monotonic() + deadline, 0.0
    while not done():
        if (now := time.monotonic()) >= end:
            return False
        if now >= next_ask:
            next_ask = now + _ASK_AGAIN
            ask()
        time.sleep(_LOOK_AGAIN)
    return True


def _live(work: Work, domain: libvirt.virDomain, name: str) -> Element | None:
    with unless(ErrorClass.GONE), calls(f"reading {work.task.name}"):
        return device(parse(domain.XMLDesc(0)), "disk", DATA + name) if domain.isActive() else None
    return None


def _gone(work: Work, domain: libvirt.virDomain, name: str) -> bool:
    return _live(work, domain, name) is None


def _ask(work: Work, domain: libvirt.virDomain, name: str) -> None:
    """libvirt refuses to ask a guest twice at once, which is as good."""
    node = _live(work, domain, name)
    if node is not None:
        with unless(*ErrorClass), calls(f"taking the disk {name} from {work.task.name} as it runs"):
            domain.detachDeviceFlags(render(node), libvirt.VIR_DOMAIN_AFFECT_LIVE)
