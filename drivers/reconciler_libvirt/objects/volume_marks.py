"""Marks: empty volumes beside the volumes, in our own pool, that say what libvirt has no place for.

One mark says that we made the volume, how and where; it is partial until the volume is whole. The others are the guards
and the image that it started from. The absence of a mark is the safe side: no leave to delete, or not ours at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from reconciler.address import Address
from reconciler.driver import Progress
from reconciler_libvirt import names
from reconciler_libvirt.names import PARTIAL, VolumeName
from reconciler_libvirt.pool import Volumes
from reconciler_libvirt.site import Site
from reconciler_libvirt.xml.storage import VolumeSpec

GUARDS = ("deletable", "protected")
_IMAGE = "image."


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What the marks of one volume say. `made` are those that tell of its making: one, but for a making that was cut
    off and begun otherwise. `format` is None when there is none; `whole`: all of the volume is there.
    """

    origin: Address
    made: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    format: str | None = None
    pool: str | None = None
    whole: bool = False

    @property
    def guards(self) -> tuple[str, ...]:
        """Those of them that are guards."""
        return tuple(text for text in GUARDS if text in self.others)

    @property
    def image(self) -> str | None:
        """What it started from: `name@contentid`."""
        found = (text.removeprefix(_IMAGE) for text in self.others if text.startswith(_IMAGE))
        return next((text.replace(".", "@") for text in found), None)


def image_mark(image: str) -> str:
    """The mark of what a volume started from."""
    return _IMAGE + image.replace("@", ".")


def read(found: Iterable[VolumeName]) -> dict[Address, Marks]:
    """The marks of each volume that has any."""
    texts: dict[Address, dict[str, bool]] = {}
    for one in found:
        if one.role == "mark":
            texts.setdefault(one.origin, {})[one.part] = not one.partial
    return {origin: _read(origin, known) for origin, known in texts.items()}


def _read(origin: Address, known: Mapping[str, bool]) -> Marks:
    made = sorted(filter(names.is_made, known), key=lambda text: (not known[text], text))
    file_format, pool = names.read_made(made[0]) if made else (None, None)
    return Marks(
        origin=origin,
        made=tuple(made),
        others=tuple(sorted(known.keys() - made)),
        format=file_format,
        pool=pool,
        whole=bool(made and known[made[0]]),
    )


def of(site: Site, origin: Address) -> Marks:
    """The marks of one volume, as they are now."""
    found = (names.read_volume(site.identity, name) for name in site.storage.names())
    return read(each for each in found if each).get(origin, Marks(origin=origin))


def place(site: Site, marks: Marks) -> tuple[Volumes, str]:
    """The pool of a volume that we made, and its name there."""
    return site.storage.pool(marks.pool), names.data(site.identity, marks.origin, marks.format or "")


def add(site: Site, origin: Address, text: str, progress: Progress, *, partial: bool = False) -> None:
    """Make a mark."""
    name = names.mark(site.identity, origin, text) + (PARTIAL if partial else "")
    site.storage.create(VolumeSpec(name=name, capacity=0, format="raw"), progress)


def remove(site: Site, origin: Address, text: str, progress: Progress) -> None:
    """Take a mark away, partial or not."""
    name = names.mark(site.identity, origin, text)
    for each in (name, name + PARTIAL):
        site.storage.remove(each, progress)


def ensure(site: Site, marks: Marks, wanted: Iterable[str], progress: Progress) -> None:
    """The marks beside those of its making."""
    there, wanted = set(marks.others), set(wanted)
    for text in sorted(there - wanted):
        remove(site, marks.origin, text, progress)
    for text in sorted(wanted - there):
        add(site, marks.origin, text, progress)
