"""Images: base volumes named by their content, one per role (`disk`, `kernel`, `initrd`), never changed once whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.imageformat import inspect
from reconciler.objects import Observed, Value, texts
from reconciler.observation import Foreign
from reconciler_libvirt import names
from reconciler_libvirt.names import PARTIAL, ROLES, VolumeName
from reconciler_libvirt.pool import CHUNK
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.users import users
from reconciler_libvirt.xml.storage import Volume, VolumeSpec


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The images of which any volume is there, and volumes that bear our prefix and are none of ours."""
    found: dict[tuple[Address, str], list[VolumeName]] = {}
    for name in sorted(reading.volumes):
        volume = names.read_volume(site.identity, name)
        if volume is None:
            yield Foreign("volume", name, "it is in our pool, and nothing that we make has such a name")
        elif volume.origin.kind == "Image":
            found.setdefault((volume.origin, volume.part), []).append(volume)
    for (address, part), volumes in sorted(found.items()):
        yield _observed(site, address, part, [volume for volume in volumes if not volume.partial])


def _observed(site: Site, address: Address, part: str, whole: list[VolumeName]) -> Observed:
    stored: dict[str, Value] = {"files": tuple(sorted(volume.role for volume in whole))}
    disk = next((volume for volume in whole if volume.role == "disk"), None)
    if disk:
        stored["format"] = disk.format
    uid = site.identity.uuid(address, part)
    return Observed(key=site.key(address, part), origin=address, uid=uid, stored=stored, incomplete=disk is None)


def ensure(task: Task) -> None:
    """Upload what is missing, once all of it was looked at. The disk comes last: an image that has one is whole."""
    roles = sorted(texts(task.wanted.fields["files"]), key=ROLES.index, reverse=True)
    with task.site.storage.making(task.name + task.wanted.key.part):  # who needs it meanwhile finds it whole
        missing = [role for role in roles if task.site.storage.volume(_volume_name(task, role)) is None]
        for role, path in [(role, _fetched(task, role)) for role in missing]:
            _upload(task, role, path)


def file(site: Site, image: str, role: str) -> Volume | None:
    """The volume of a file of an image (`name@contentid`), if it is on this host."""
    name, _, content = image.partition("@")
    formats = names.FORMATS if role == "disk" else ("raw",)
    found = (names.image(site.identity, Address("Image", None, name), content, role, each) for each in formats)
    return next((volume for each in found if (volume := site.storage.volume(each))), None)


def _fetched(task: Task, role: str) -> Path:
    payload = task.wanted.payload
    path = task.site.files.fetch(payload[f"{role}.source"], payload[f"{role}.sha256"])
    if role == "disk":
        inspect(path, str(task.wanted.fields["format"]), payload[f"{role}.source"])
    return path


def _volume_name(task: Task, role: str) -> str:
    """The volume of one file of a wanted image."""
    file_format = str(task.wanted.fields["format"]) if role == "disk" else "raw"
    return names.image(task.site.identity, task.wanted.origin, task.wanted.key.part, role, file_format)


def _upload(task: Task, role: str, path: Path) -> None:
    """Under a partial name until it is whole, so that a run that ends in between leaves nothing that looks whole."""
    name, storage, progress = _volume_name(task, role), task.site.storage, task.progress
    size = path.stat().st_size
    storage.create(VolumeSpec(name=name + PARTIAL, capacity=size, format="raw"), progress)
    storage.fill(name + PARTIAL, size, _chunks(path, task.wanted.payload[f"{role}.sha256"]), progress)
    storage.settle(name, progress)


def _chunks(path: Path, sha256: str) -> Iterator[bytes]:
    """The file's content, verified once more as it is read: it may have been changed since it was fetched."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != sha256:
        raise DriverError(ErrorClass.YOURS, f"{path} changed while it was read: its digest is not {sha256} any more")


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Delete the volumes, the disk first: from then on the rest is a leftover. What a backing chain or a guest of this
    host needs is kept, whosever that is.
    """
    volumes = site.storage.read(site.identity.name(observed.origin) + ".")
    ours = {name: volume for name in volumes if (volume := _part_of(site, observed, name))}
    found = sorted({user.name for user in users(site, [volumes[name].path for name in ours])})
    if found:
        raise DriverError(ErrorClass.RACE, f"{observed.key} is in use: it is the base of {', '.join(found)}")
    for name in sorted(ours, key=lambda name: ROLES.index(ours[name].role)):
        site.storage.remove(name, progress)


def _part_of(site: Site, observed: Observed, name: str) -> VolumeName | None:
    volume = names.read_volume(site.identity, name)
    same = volume and (volume.origin, volume.part) == (observed.origin, observed.key.part)
    return volume if same else None
