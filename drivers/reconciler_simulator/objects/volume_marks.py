"""Volumes of a manifest's own, by name: the data, and the marks beside it.

A volume carries no metadata, so that empty volumes beside it in the fleet's own pool say what else there is to say:
that we made it (`made.FORMAT[.POOL]`; partial until it is whole), what it started from, and what guards it. The absence
of a mark is the safe side: no leave to delete, or not ours at all.
"""

from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler_simulator.model import MARK
from reconciler_simulator.site import PARTIAL, Site
from reconciler_simulator.state import State

FORMATS = ("qcow2", "raw")
GUARDS = ("deletable", "protected")
IMAGE = "image."
MADE = "made."


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about one volume. `texts` are the marks themselves. `volume` is what its data is called on the
    hypervisor; `whole`: all of it was made.
    """

    texts: tuple[str, ...] = ()
    format: str = ""
    pool: str | None = None
    volume: str = ""
    whole: bool = False

    @property
    def guards(self) -> tuple[str, ...]:
        """Those of them that are guards."""
        return tuple(text for text in GUARDS if text in self.texts)

    @property
    def image(self) -> str | None:
        """What it started from: `name@contentid`."""
        found = [text.removeprefix(IMAGE).replace(".", "@", 1) for text in self.texts if text.startswith(IMAGE)]
        return found[0] if found else None


def mark_name(site: Site, origin: Address, text: str) -> str:
    """The volume that is a mark."""
    return site.identity.name(origin) + MARK + text


def data_name(site: Site, origin: Address, form: str, pool: str | None) -> str:
    """The volume that has the data."""
    name = site.identity.name(origin, f"data.{form}")
    return f"{pool}/{name}" if pool else name


def made_text(form: str, pool: str | None) -> str:
    """The mark of how and where a volume was made."""
    return MADE + form + (f".{pool}" if pool else "")


def image_text(image: str) -> str:
    """The mark of what a volume started from."""
    return IMAGE + image.replace("@", ".")


def read_data(site: Site, name: str) -> tuple[Address, str, str | None] | None:
    """The volume, format and pool that the name of its data stands for."""
    pool, _, own = name.rpartition("/")
    match site.named("Volume", own):
        case (Address(project=str()) as origin, part) if part.removeprefix("data.") in FORMATS and part[:5] == "data.":
            return origin, part[5:], pool or None
    return None


def read_mark(site: Site, name: str) -> tuple[Address, str] | None:
    """The volume that a mark is about, and what it says."""
    match site.named("Volume", name):
        case (Address(project=str()) as origin, part) if part.startswith("mark.") and len(part) > len("mark."):
            return origin, part.removeprefix("mark.")
    return None


def is_ours(site: Site, name: str) -> bool:
    """Whether a name is that of data or of a mark."""
    return read_data(site, name) is not None or read_mark(site, name) is not None


def marks_of(site: Site, state: State, origin: Address) -> Marks:
    """What is said about a volume."""
    name = site.identity.name(origin)
    texts = tuple(each.removeprefix(name + MARK) for each in state.volumes.having(f"beside {name}"))
    made = sorted((text for text in texts if text.startswith(MADE)), key=lambda text: (text.endswith(PARTIAL), text))
    if not made:
        return Marks(texts=texts)
    form, _, pool = made[0].removeprefix(MADE).removesuffix(PARTIAL).partition(".")
    return Marks(
        texts=texts,
        format=form,
        pool=pool or None,
        volume=data_name(site, origin, form, pool or None),
        whole=not made[0].endswith(PARTIAL),
    )
