"""Image: the content that root disks start from, known by its digest."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from reconciler.address import ObjectKey
from reconciler.kinds.base import Kind, Problem, Resource, Sha256, Size, Spec, Text, World, register
from reconciler.objects import Wanted
from reconciler.treepath import flaw

Location = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        description="A path (in the trusted configuration's folders, or in the commit) or an https URL.",
    ),
]


class Content(Spec, frozen=True, kw_only=True):
    """A file and the digest that it must have."""

    source: Location
    sha256: Sha256


class Boot(Spec, frozen=True, kw_only=True):
    """Boot this kernel directly instead of what is on the disk."""

    kernel: Annotated[Content, Meta(description="The kernel.")]
    initrd: Annotated[Content | None, Meta(description="The initial RAM disk.")] = None
    command_line: Annotated[str, Meta(max_length=2048, description="The kernel's command line.")] = ""


class Properties(
    Spec,
    frozen=True,
    kw_only=True,
    rename={
        "machine_type": "hw_machine_type",
        "firmware_type": "hw_firmware_type",
        "secure_boot": "os_secure_boot",
        "guest_agent": "hw_qemu_guest_agent",
        "min_disk": "min_disk",
        "min_ram": "min_ram",
    },
):
    """What the content needs to run, under OpenStack's names."""

    machine_type: (
        Annotated[Literal["q35", "pc"], Meta(description="The machine type, whatever the host's is.")] | None
    ) = None
    firmware_type: Annotated[Literal["bios", "uefi"], Meta(description="What boots it.")] | None = None
    secure_boot: (
        Annotated[Literal["required", "disabled"], Meta(description="Secure boot; only with UEFI and q35.")] | None
    ) = None
    guest_agent: Annotated[bool, Meta(description="Whether the QEMU guest agent runs in it.")] | None = None
    min_disk: Annotated[Size, Meta(description="The smallest disk that it fits on.")] | None = None
    min_ram: Annotated[Size, Meta(description="The least memory that it runs in.")] | None = None


class ImageSpec(Spec, frozen=True, kw_only=True):
    """Content never changes under a digest; a new digest is new content, and a rebuild of who uses it."""

    source: Location
    sha256: Sha256
    format: Annotated[Literal["qcow2", "raw"], Meta(description="The format of the file; checked before use.")] = (
        "qcow2"
    )
    boot: Annotated[Boot | None, Meta(description="Direct kernel boot.")] = None
    properties: Annotated[Properties, Meta(description="What it needs to run.")] = Properties()
    admin_user: Annotated[
        str,
        Meta(
            pattern=r"^[a-z_][-a-z0-9_]{0,31}$(?!\n)",
            title="a user name: a-z, 0-9, `-` and `_`, at most 32 characters",
            description="Who logs in with the keypair; `reconciler ssh` uses it.",
        ),
    ] = "root"
    description: Text = ""


def contents(spec: ImageSpec) -> dict[str, Content]:
    """The files of an image by role: `disk`, and `kernel` and `initrd` for direct boot."""
    found = {"disk": Content(source=spec.source, sha256=spec.sha256)}
    if spec.boot:
        found["kernel"] = spec.boot.kernel
        if spec.boot.initrd:
            found["initrd"] = spec.boot.initrd
    return found


@functools.lru_cache(maxsize=4096)
def content_id(spec: ImageSpec) -> str:
    """What tells one content from another: 12 hex digits over the digests of all its files and the format."""
    parts = [f"{role}:{content.sha256}" for role, content in sorted(contents(spec).items())]
    return hashlib.sha256("\n".join([spec.format, *parts]).encode()).hexdigest()[:12]


def source_flaw(source: str) -> str:
    """What is wrong with where a file comes from, in words that follow "it"; empty when nothing is."""
    if "://" not in source:
        return flaw(source)
    try:
        url = urlsplit(source)
    except ValueError:
        return "is no URL"
    if url.scheme != "https":
        return "is no https URL; what comes over anything else can be read and changed on the way"
    if url.username is not None or url.password is not None:
        return "holds a user name or password, which everyone with the repository could read"
    return "" if url.hostname and not re.search(r"[\s\\]", source) else "is no URL"


def _check(spec: ImageSpec) -> Iterator[Problem]:
    where = {"disk": "spec", "kernel": "spec.boot.kernel", "initrd": "spec.boot.initrd"}
    for role, content in contents(spec).items():
        if wrong := source_flaw(content.source):
            detail = f"It {wrong}. Write an https URL, or the path of a file as `folder/file`."
            yield Problem(f"{where[role]}.source", "bad-source", "source is not allowed", detail)
    if spec.boot and "\n" in spec.boot.command_line:
        detail = "A kernel has one line of it. Use `>-` to write it over several lines here."
        yield Problem("spec.boot.commandLine", "not-one-line", "command line is not one line", detail)
    if spec.properties.secure_boot == "required":
        yield from _secure_boot(spec.properties)


def _secure_boot(properties: Properties) -> Iterator[Problem]:
    needed = {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}
    found = {
        "hw_firmware_type": properties.firmware_type or "bios",
        "hw_machine_type": properties.machine_type or "q35",
    }
    for name in (name for name in needed if found[name] != needed[name]):
        detail = f"It is a feature of UEFI on machine type q35. Write `{name}: {needed[name]}` beside it, or remove it."
        yield Problem("spec.properties.os_secure_boot", "no-secure-boot", "secure boot needs UEFI and q35", detail)


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    spec: ImageSpec = resource.spec
    files = contents(spec)
    payload = {f"{role}.{name}": getattr(file, name) for role, file in files.items() for name in ("source", "sha256")}
    for host in world.hosts.get(resource.address, ()):
        yield Wanted(
            key=ObjectKey(host, resource.address, content_id(spec)),
            origin=resource.origin,
            fields={"files": tuple(sorted(files)), "format": spec.format},
            payload=payload,
            place=resource.place,
        )


KIND = register(Kind(name="Image", scope="fleet", spec=ImageSpec, check=_check, realise=_realise))
