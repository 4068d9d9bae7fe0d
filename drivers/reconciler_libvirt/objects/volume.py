"""Volumes: disks of their own, in our pool or in one of the host's, with marks beside them in ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler import quantity
from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.objects import Observed, Value, number
from reconciler.observation import Foreign
from reconciler_libvirt import names
from reconciler_libvirt.objects import image, volume_growth, volume_marks
from reconciler_libvirt.objects.volume_marks import GUARDS, Marks
from reconciler_libvirt.pool import NamedPool, Volumes
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.users import users
from reconciler_libvirt.xml.storage import Volume, VolumeSpec


def observe(site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
    """The volumes of which any mark is there, and what bears their names and has none."""
    marks = volume_marks.read(named for name in reading.volumes if (named := names.read_volume(site.identity, name)))
    pools: dict[str | None, Mapping[str, Volume]] = {None: reading.volumes}
    pools.update(reading.named)
    for known in marks.values():
        yield _observed(site, known, pools)
    for pool, volumes in pools.items():
        for name in sorted(volumes):
            named = names.read_volume(site.identity, name)
            if named and named.role == "data" and not _made(marks.get(named.origin), pool, named.format):
                yield Foreign("volume", name, _unmarked(site, named.origin, pool, named.format), site.key(named.origin))


def _unmarked(site: Site, origin: Address, pool: str | None, file_format: str) -> str:
    """Somebody may have removed a mark that says nothing to them: its data must not be taken for rubbish then."""
    mark = names.mark(site.identity, origin, names.made(file_format, pool))
    again = f"`virsh vol-create-as {site.storage.name} {mark} 0`"
    return f"it has the name of a volume of ours, and no mark of ours (if it is that volume, mark it again: {again})"


def _made(marks: Marks | None, pool: str | None, file_format: str) -> bool:
    return marks is not None and names.made(file_format, pool) in marks.made


def _observed(site: Site, marks: Marks, pools: Mapping[str | None, Mapping[str, Volume]]) -> Observed:
    name = names.data(site.identity, marks.origin, marks.format or "")
    return Observed(
        key=site.key(marks.origin),
        origin=marks.origin,
        uid=site.identity.uuid(marks.origin),
        stored=_fields(marks, pools.get(marks.pool, {}).get(name)) if marks.whole else {},
        guards=marks.guards,
        incomplete=not marks.whole,
    )


def _fields(marks: Marks, volume: Volume | None) -> dict[str, Value]:
    """One that is lost has no size."""
    fields: dict[str, Value] = {"format": marks.format}
    if volume:
        fields["size"] = _size(volume, marks)
    if marks.image:
        fields["image"] = marks.image
    if marks.pool:
        fields["pool"] = marks.pool
    return fields


def _size(volume: Volume, marks: Marks) -> int:
    """What guests see. A raw disk on which a guest wrote the header of another format is one of that to libvirt."""
    return volume.physical if marks.format == "raw" and volume.format not in ("raw", None) else volume.capacity


def ensure(task: Task) -> None:
    """Make a volume, or what is missing of it; let it grow; and write its guards."""
    marks = volume_marks.of(task.site, task.wanted.origin)
    if not marks.whole:
        _make(task, marks)
        return
    _refuse_another(task, marks)
    pool, name = volume_marks.place(task.site, marks)
    volume = pool.volume(name)
    if volume is not None:
        volume_growth.ensure(task, pool, volume, _size(volume, marks), _wanted_size(task))
    elif task.may_rebuild:
        _make(task, marks)
        return
    else:
        message = f"{task.wanted.key}: the volume {name} is gone from the pool {pool.name}; bring it back"
        raise DriverError(ErrorClass.YOURS, f"{message}, or consent to a rebuild, which makes a new one")
    kept = [volume_marks.image_mark(marks.image)] if marks.image else []
    volume_marks.ensure(task.site, marks, [*task.wanted.guards, *kept], task.progress)


def _wanted_size(task: Task) -> int:
    return number(task.wanted.fields["size"])


def _wanted_pool(task: Task) -> str | None:
    pool = task.wanted.fields.get("pool")
    return None if pool is None else str(pool)


def _texts(task: Task) -> list[str]:
    """What the marks are to say, beside that it was made."""
    origin = task.wanted.fields.get("image")
    return [*task.wanted.guards, *([volume_marks.image_mark(str(origin))] if origin else [])]


def _refuse_another(task: Task, marks: Marks) -> None:
    fields = task.wanted.fields
    found = {"format": marks.format, "pool": marks.pool, "image": marks.image}
    for path, value in found.items():
        if path in fields and fields[path] != value:
            message = f"{task.wanted.key}: its {path} is {value or 'none'} and cannot become {fields[path]}"
            raise DriverError(ErrorClass.UNSUPPORTED, f"{message}; declare another volume")


def _make(task: Task, known: Marks) -> None:
    """The mark first, partial; then the volume and all other marks; then that mark is made whole."""
    site, origin, file_format = task.site, task.wanted.origin, str(task.wanted.fields["format"])
    pool, name = site.storage.pool(_wanted_pool(task)), names.data(site.identity, origin, file_format)
    _check_place(task, pool, file_format)
    base = _base(task)
    made = names.made(file_format, _wanted_pool(task))
    if made not in known.made and pool.volume(name):
        why = _unmarked(site, origin, _wanted_pool(task), file_format)
        raise DriverError(ErrorClass.EXISTS, f"volume {name} is in the way of {task.wanted.key}: {why}")
    _begin(task, known, made)
    _fill(task, pool, VolumeSpec(name=name, capacity=_wanted_size(task), format=file_format), base)
    volume_marks.ensure(site, known, _texts(task), task.progress)
    site.storage.settle(names.mark(site.identity, origin, made), task.progress)


def _check_place(task: Task, pool: Volumes, file_format: str) -> None:
    if isinstance(pool, NamedPool) and pool.form().type == "logical" and file_format != "raw":
        message = f"{task.wanted.key}: the pool {pool.name} is a volume group, which holds raw volumes only"
        raise DriverError(ErrorClass.YOURS, f"{message}; write `format: raw`")


def _base(task: Task) -> Volume | None:
    """The image's disk, if it starts from one."""
    origin = task.wanted.fields.get("image")
    if origin is None:
        return None
    base = image.file(task.site, str(origin), "disk")
    if base is None:
        raise DriverError(ErrorClass.YOURS, f"{task.wanted.key}: the image {origin} is not on this host")
    if base.capacity > _wanted_size(task):
        large, small = quantity.render(base.capacity), quantity.render(_wanted_size(task))
        message = f"{task.wanted.key}: the image is a disk of {large}, and the volume has {small}; make it larger"
        raise DriverError(ErrorClass.YOURS, message)
    return base


def _begin(task: Task, known: Marks, made: str) -> None:
    """From now on it is ours and not whole. What a former attempt made elsewhere, or in another format, goes."""
    for text in known.made:
        file_format, pool = names.read_made(text)
        name = names.data(task.site.identity, known.origin, file_format)
        if text != made:
            task.site.storage.pool(pool).remove(name, task.progress)
        if text != made or known.whole:
            volume_marks.remove(task.site, known.origin, text, task.progress)
    if made not in known.made or known.whole:
        volume_marks.add(task.site, known.origin, made, task.progress, partial=True)


def _fill(task: Task, pool: Volumes, spec: VolumeSpec, base: Volume | None) -> None:
    """Blank, or a full copy of an image, so that no backing chain is left."""
    if base is None:
        pool.create(spec, task.progress)
    else:
        copied = msgspec.structs.replace(spec, capacity=base.capacity)
        pool.copy(copied, task.site.storage, base.name, task.progress)
        if base.capacity < spec.capacity:
            pool.grow(spec.name, spec.capacity, task.progress)
    volume = pool.volume(spec.name)
    if volume is None or volume.capacity != spec.capacity:
        given = quantity.render(volume.capacity) if volume else "nothing"
        pool.remove(spec.name, task.progress)
        message = f"{task.wanted.key}: the pool {pool.name} made {given} of {quantity.render(spec.capacity)}"
        raise DriverError(ErrorClass.YOURS, f"{message}; declare a size that it can give")
    if volume.block and base is None:
        pool.wipe(spec.name, task.progress)


def delete(site: Site, observed: Observed, progress: Progress) -> None:
    """Delete a volume that nobody has, and its marks after it, last those that say that it may be deleted."""
    marks = volume_marks.of(site, observed.origin)
    for text in marks.made:
        file_format, name = names.read_made(text)
        pool = site.storage.pool(name)
        volume = pool.volume(names.data(site.identity, observed.origin, file_format))
        if volume is not None:
            _refuse_users(site, observed, volume)
            if volume.block:
                pool.wipe(volume.name, progress)  # what comes to lie there next must not show it
            pool.remove(volume.name, progress)
    for text in sorted((*marks.made, *marks.others), key=lambda text: (text in GUARDS, names.is_made(text), text)):
        volume_marks.remove(site, observed.origin, text, progress)


def _refuse_users(site: Site, observed: Observed, volume: Volume) -> None:
    """Looked up right before the call: it may have been given to a guest since the plan, and not only by us."""
    if found := sorted({user.name for user in users(site, [volume.path])}):
        raise DriverError(ErrorClass.RACE, f"{observed.key} is in use: {', '.join(found)} has it")
