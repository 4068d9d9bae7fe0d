"""Volumes: data that outlives its instance."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler import quantity
from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Fields, Observed, Value, Wanted, number
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Volume
from reconciler_simulator.objects import image
from reconciler_simulator.objects.volume_marks import (
    GUARDS,
    IMAGE,
    MADE,
    Marks,
    data_name,
    image_text,
    made_text,
    mark_name,
    marks_of,
    read_data,
    read_mark,
)
from reconciler_simulator.site import PARTIAL, Site, Task
from reconciler_simulator.state import State

UNMARKED = "has the name of a volume of ours, and no mark of ours"


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The volumes of which any mark is there, and what bears their names and has none."""
    origins = {found[0] for name in state.volumes if (found := read_mark(site, name))}
    for origin in sorted(origins):
        yield _seen(site, state, origin)
    for name in sorted(state.volumes):
        if data := read_data(site, name):
            yield from _strange(site, state, *data)


def look(site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
    """What is there of one volume, or in its way."""
    if marks_of(site, state, origin).texts:
        yield _seen(site, state, origin)
    for pool in (None, *site.settings.pools):
        for form in ("qcow2", "raw"):
            if data_name(site, origin, form, pool) in state.volumes:
                yield from _strange(site, state, origin, form, pool)


def _strange(site: Site, state: State, origin: Address, form: str, pool: str | None) -> Iterator[Foreign]:
    """Data that we have not made, whatever it is called."""
    mark = mark_name(site, origin, made_text(form, pool))
    if mark not in state.volumes and mark + PARTIAL not in state.volumes:
        yield Foreign("volume", site.identity.name(origin, f"data.{form}"), UNMARKED, site.key(origin))


def _seen(site: Site, state: State, origin: Address) -> Observed:
    marks = marks_of(site, state, origin)
    return Observed(
        key=site.key(origin),
        origin=origin,
        uid=site.identity.uuid(origin),
        stored=_fields(marks, state.volumes.get(marks.volume)) if marks.whole else {},
        guards=marks.guards,
        incomplete=not marks.whole,
    )


def _fields(marks: Marks, data: Volume | None) -> dict[str, Value]:
    """Those of a volume; one whose data is lost has no size."""
    fields: dict[str, Value] = {"format": marks.format}
    if data:
        fields["size"] = data.capacity
    if marks.image:
        fields["image"] = marks.image
    if marks.pool:
        fields["pool"] = marks.pool
    return fields


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Make a volume, or what is missing of it; let it grow; and write its guards."""
    marks = marks_of(site, calls.read(), task.wanted.origin)
    if not marks.whole:
        _make(site, calls, task.wanted)
        return
    _refuse_another(task.wanted, marks)
    data = calls.read().volumes.get(marks.volume)
    if data is None and not task.may_rebuild:
        text = f"{task.wanted.key}: its data is gone; bring it back, or consent to a rebuild, which makes a blank one"
        raise DriverError(ErrorClass.YOURS, text)
    if data is None:
        _make(site, calls, task.wanted)
        return
    _grow(calls, task.wanted, marks.volume, data)
    _ensure_marks(site, calls, task.wanted)


def _refuse_another(wanted: Wanted, marks: Marks) -> None:
    found: Fields = {"format": marks.format, "image": marks.image, "pool": marks.pool}
    for path, value in found.items():
        if path in wanted.fields and wanted.fields[path] != value:
            text = f"{wanted.key}: its {path} is {value or 'none'} and cannot become {wanted.fields[path]}"
            raise DriverError(ErrorClass.UNSUPPORTED, text)


def _grow(calls: Calls, wanted: Wanted, name: str, data: Volume) -> None:
    size = number(wanted.fields["size"])
    if size < data.capacity:
        text = f"{wanted.key}: a volume cannot shrink from {data.capacity} to {size} bytes"
        raise DriverError(ErrorClass.UNSUPPORTED, text)
    if size > data.capacity:
        calls.make(hypervisor.resize_volume, name, size)


def _make(site: Site, calls: Calls, wanted: Wanted) -> None:
    """The mark first, partial; then the data and the other marks; then that mark is made whole."""
    form, pool = str(wanted.fields["format"]), wanted.fields.get("pool")
    _check(site, calls, wanted)
    mark = mark_name(site, wanted.origin, made_text(form, str(pool) if pool else None))
    if mark in calls.read().volumes:
        calls.make(hypervisor.rename_volume, mark, mark + PARTIAL)
    _forget_others(site, calls, wanted.origin, mark + PARTIAL)
    if mark + PARTIAL not in calls.read().volumes:
        calls.make(hypervisor.create_volume, mark + PARTIAL, Volume(capacity=0))
    name = data_name(site, wanted.origin, form, str(pool) if pool else None)
    if name in calls.read().volumes:
        calls.make(hypervisor.delete_volume, name)
    size = number(wanted.fields["size"])
    calls.make(hypervisor.create_volume, name, Volume(capacity=size, format=form, pool=str(pool) if pool else None))
    _ensure_marks(site, calls, wanted)
    calls.make(hypervisor.rename_volume, mark + PARTIAL, mark)


def _check(site: Site, calls: Calls, wanted: Wanted) -> None:
    """What would not work, before anything is made."""
    pool, named = wanted.fields.get("pool"), wanted.fields.get("image")
    if pool is not None and pool not in site.settings.pools:
        known = ", ".join(sorted(site.settings.pools)) or "none"
        raise DriverError(
            ErrorClass.YOURS, f"{wanted.key}: host {site.host} has no storage pool {pool!r}; it has {known}"
        )
    if named is None:
        return
    name, _, content = str(named).partition("@")
    base = calls.read().volumes.get(image.volume_name(site, Address("Image", None, name), content, "disk"))
    size = number(wanted.fields["size"])
    if base is None:
        raise DriverError(ErrorClass.YOURS, f"{wanted.key}: the image {named} is not on this host")
    if base.capacity > size:
        large, small = quantity.render(base.capacity), quantity.render(size)
        text = f"{wanted.key}: the image is a disk of {large}, and the volume has {small}; make it larger"
        raise DriverError(ErrorClass.YOURS, text)


def _forget_others(site: Site, calls: Calls, origin: Address, kept: str) -> None:
    """What a former attempt has made elsewhere, or in another format."""
    for text in marks_of(site, calls.read(), origin).texts:
        mark = mark_name(site, origin, text)
        if text.startswith(MADE) and mark != kept:
            form, _, pool = text.removeprefix(MADE).removesuffix(PARTIAL).partition(".")
            data = data_name(site, origin, form, pool or None)
            if data in calls.read().volumes:
                calls.make(hypervisor.delete_volume, data)
            calls.make(hypervisor.delete_volume, mark)


def _ensure_marks(site: Site, calls: Calls, wanted: Wanted) -> None:
    """What it started from and what guards it."""
    there = {text for text in marks_of(site, calls.read(), wanted.origin).texts if not text.startswith(MADE)}
    named = wanted.fields.get("image")
    started = {image_text(str(named))} if named else {text for text in there if text.startswith(IMAGE)}
    told = {*wanted.guards} | started
    for text in sorted(there - told):
        calls.make(hypervisor.delete_volume, mark_name(site, wanted.origin, text))
    for text in sorted(told - there):
        calls.make(hypervisor.create_volume, mark_name(site, wanted.origin, text), Volume(capacity=0))


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Delete the data, which nobody may have, and then the marks; last those that say that it may be deleted."""
    marks = marks_of(site, calls.read(), observed.origin)
    if marks.volume in calls.read().volumes:
        calls.make(hypervisor.delete_volume, marks.volume)
    _forget_others(site, calls, observed.origin, "")
    for text in sorted(marks.texts, key=lambda text: (text in GUARDS, text)):
        if mark_name(site, observed.origin, text) in calls.read().volumes:
            calls.make(hypervisor.delete_volume, mark_name(site, observed.origin, text))
