"""Volume: a disk that outlives its instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler import quantity
from reconciler.address import ObjectKey
from reconciler.kinds.base import Kind, Name, Problem, Reference, Resource, Size, Spec, Text, World, register, resolve
from reconciler.kinds.image import content_id
from reconciler.objects import Observed, Value, Wanted

DELETABLE, PROTECTED = "deletable", "protected"
"""Marks on the object. Where the first is missing the volume is kept, whatever the manifest said."""
LEAST_SIZE, MOST_SIZE = 1 << 20, 256 << 40

PoolName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_.]{0,62}$(?!\n)",
        title="the name of a storage pool: letters, digits, `-`, `_` and `.`",
        description="A storage pool of the host, as the trusted configuration lists it; the fleet's own if absent.",
    ),
]


class VolumeSpec(Spec, frozen=True, kw_only=True):
    """Blank, or with an image's content. It can grow, never shrink."""

    size: Annotated[Size, Meta(description="Its size as guests see it.")]
    image: Annotated[Name, Meta(description="What it starts from, once; blank if absent.")] | None = None
    format: Annotated[Literal["qcow2", "raw"], Meta(description="How it is stored.")] = "qcow2"
    pool: PoolName | None = None
    host: Annotated[Name, Meta(description="Where it lies; where its instance is placed if absent.")] | None = None
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Retain keeps it when its manifest goes; Delete counts once a commit with it is applied."),
    ] = "Retain"
    protected: Annotated[bool, Meta(description="Refuses deletion until a commit that lifts it has been applied.")] = (
        False
    )
    description: Text = ""


def _check(spec: VolumeSpec) -> Iterator[Problem]:
    if not LEAST_SIZE <= quantity.parse(spec.size) <= MOST_SIZE:
        detail = f"{spec.size} is not between {quantity.render(LEAST_SIZE)} and {quantity.render(MOST_SIZE)}."
        yield Problem("spec.size", "out-of-bounds", "value is out of bounds", detail)


def _references(resource: Resource) -> Iterator[Reference]:
    if resource.spec.image:
        yield Reference("spec.image", resolve("Image", resource.spec.image, None))
    if resource.spec.host:
        yield Reference("spec.host", resolve("Host", resource.spec.host, None))


def _fields(spec: VolumeSpec, world: World) -> dict[str, Value]:
    fields: dict[str, Value] = {"size": quantity.parse(spec.size), "format": spec.format}
    if spec.image:
        fields["image"] = f"{spec.image}@{content_id(world.spec(resolve('Image', spec.image, None)))}"
    if spec.pool:
        fields["pool"] = spec.pool
    return fields


def _guards(spec: VolumeSpec) -> Iterator[str]:
    if spec.deletion_policy == "Delete":
        yield DELETABLE
    if spec.protected:
        yield PROTECTED


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    spec: VolumeSpec = resource.spec
    for host in world.hosts.get(resource.address, ()):
        needs = world.keys(resolve("Image", spec.image, None), host) if spec.image else ()
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields=_fields(spec, world),
            needs=tuple(sorted(needs)),
            guards=tuple(_guards(spec)),
            place=resource.place,
        )


def _retained(observed: Observed) -> bool:
    return DELETABLE not in observed.guards and not observed.incomplete


def _as_made(wanted: Wanted, observed: Observed) -> Wanted:
    """It started from its image once: what that image has become since is no matter of its."""
    before, after = str(observed.stored.get("image")), str(wanted.fields.get("image"))
    if before == after or observed.incomplete or before.partition("@")[0] != after.partition("@")[0]:
        return wanted
    return msgspec.structs.replace(wanted, fields={**wanted.fields, "image": before})


KIND = register(
    Kind(
        name="Volume",
        scope="project",
        spec=VolumeSpec,
        references=_references,
        check=_check,
        realise=_realise,
        retained=_retained,
        as_made=_as_made,
    )
)
