"""The disks of an instance: the root disk and the seed, which are its own, and volumes, which are not."""

from __future__ import annotations

from reconciler.driver import DriverError, ErrorClass
from reconciler_simulator import hypervisor, seed
from reconciler_simulator.model import Disk, Form, Volume
from reconciler_simulator.objects.instance_fields import root_name, seed_name, volume_fields
from reconciler_simulator.objects.instance_form import image_volume
from reconciler_simulator.objects.instance_work import Work


def outdated(work: Work) -> bool:
    """Whether the root disk or the seed are of another first boot than the wanted one."""
    if not seed.told(work.fields):
        return False
    told = work.volume(seed_name(work.site, work.origin))
    fresh = seed.content(work.task.wanted, work.uuid)["instance-id"]
    image_now = volume_fields(work.site, work.calls.read(), work.origin).get("image")
    return image_now != work.fields["image"] or told is None or told.content.get("instance-id") != fresh


def ensure_root(work: Work, anew: bool) -> None:
    """A root disk is made anew only when that was consented to, also when it is all that is left of a guest.

    While a lost one waits for consent, its fields are not among the wanted ones.
    """
    name = root_name(work.site, work.origin)
    size, root = work.fields.get("disk.size"), work.volume(name)
    if not isinstance(size, int) or "image" not in work.fields:
        return
    larger = root and not work.domain and work.task.may_rebuild and root.capacity > size
    if root and (anew or larger):
        work.calls.make(hypervisor.delete_volume, name)
        root = None
    if root is None:
        base = image_volume(work.site, work.fields, "disk")
        _check_size(work, base, size)
        work.calls.make(hypervisor.create_volume, name, Volume(capacity=size, format="qcow2", backing=base))
    elif root.capacity > size:
        raise DriverError(ErrorClass.UNSUPPORTED, f"{name}: a disk cannot shrink from {root.capacity} to {size} bytes")
    elif root.capacity < size:
        work.calls.make(hypervisor.resize_volume, name, size)


def _check_size(work: Work, base: str, size: int) -> None:
    """A disk that ends before its image does would be found broken by the guest only."""
    volume = work.volume(base)
    if volume and volume.capacity > size:
        text = f"{work.name}: the image needs a disk of {volume.capacity} bytes, and the flavor has {size}"
        raise DriverError(ErrorClass.YOURS, text)


def check_secret(work: Work) -> None:
    """That the secret of a seed that will be written can be had, before anything is switched off or lost."""
    if secret := (_new_seed(work) or {}).get(seed.USER_DATA_OF):
        work.site.files.secret(secret)  # a real seed has its text; that it can be had is all that is to be known here


def _new_seed(work: Work) -> dict[str, str] | None:
    """The content of the seed, if it should be another than it is."""
    if not seed.told(work.fields):
        return None
    told, content = work.volume(seed_name(work.site, work.origin)), seed.content(work.task.wanted, work.uuid)
    settled = told and (told.content == content or not seed.agrees(content, work.task.wanted))
    return None if settled else content


def ensure_seed(work: Work) -> None:
    """A running guest has read its seed; only a stopped one is given another.

    While new keys wait for consent, the fields still have the old ones and the payload has not: then the seed stays.
    """
    name, content = seed_name(work.site, work.origin), _new_seed(work)
    told = work.volume(name)
    if content is None or (told and work.running):
        return
    if told:
        work.calls.make(hypervisor.delete_volume, name)
    work.calls.make(hypervisor.create_volume, name, Volume(capacity=seed.SIZE, content=content))


def unplug(work: Work) -> None:
    """Let a running guest give back the volumes that it is not to have, before anything says that it has not."""
    form, running = work.form(), work.running
    for alias, disk in _plugged(running).items():
        if not work.task.may_live or _same(form.data.get(alias), disk):
            continue
        work.calls.make(hypervisor.detach_disk, work.name, alias)
        if alias in _plugged(work.running):
            text = f"{work.name}: the guest was asked to let go of its disk {alias}, and has not done so"
            raise DriverError(ErrorClass.NOT_FOLLOWED, text)


def plug(work: Work) -> None:
    """Give a running guest the volumes that it is to have."""
    for alias, disk in work.form().data.items():
        if work.running and work.task.may_live and alias not in _plugged(work.running):
            work.calls.make(hypervisor.attach_disk, work.name, alias, disk)


def _plugged(running: Form | None) -> dict[str, Disk]:
    return running.data if running else {}


def _same(wanted: Disk | None, plugged: Disk) -> bool:
    """Whether both are the same volume. How it is plugged in changes at a cold start only."""
    return wanted is not None and (wanted.volume, wanted.serial) == (plugged.volume, plugged.serial)
