"""Flavor: the size of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from reconciler import quantity
from reconciler.kinds.base import Kind, Problem, Size, Spec, Text, register


class FlavorSpec(Spec, frozen=True, kw_only=True):
    """Editing a flavor is a change of every instance that uses it, each under its own impact and consent."""

    vcpus: Annotated[int, Meta(ge=1, le=512, description="Virtual CPUs.")]
    memory: Annotated[Size, Meta(description="Guest memory, in whole MiB.")]
    disk: Annotated[Size, Meta(description="Size of the root disk; it can grow, never shrink.")]
    description: Text = ""


LEAST_MEMORY, MOST_MEMORY = 16 << 20, 16 << 40
MEMORY_UNIT = 1 << 20
LEAST_DISK, MOST_DISK = 1 << 20, 256 << 40


def _check(spec: FlavorSpec) -> Iterator[Problem]:
    yield from _bounds("spec.memory", spec.memory, LEAST_MEMORY, MOST_MEMORY)
    yield from _whole("spec.memory", spec.memory)
    yield from _bounds("spec.disk", spec.disk, LEAST_DISK, MOST_DISK)


def _bounds(path: str, size: str, least: int, most: int) -> Iterator[Problem]:
    if not least <= quantity.parse(size) <= most:
        detail = f"{size} is not between {quantity.render(least)} and {quantity.render(most)}."
        yield Problem(path, "out-of-bounds", "value is out of bounds", detail)


def _whole(path: str, size: str) -> Iterator[Problem]:
    """Hypervisors count memory in MiB, and libvirt rounds in silence: the difference would never close."""
    wanted = quantity.parse(size)
    if wanted % MEMORY_UNIT and wanted >= LEAST_MEMORY:
        lower = quantity.render(wanted - wanted % MEMORY_UNIT)
        detail = f"{size} is no whole number of MiB, in which guests get their memory. Did you mean `{lower}`?"
        yield Problem(path, "not-whole", "memory is not in whole MiB", detail)


KIND = register(Kind(name="Flavor", scope="fleet", spec=FlavorSpec, check=_check))
