"""Names of what we make on a host, all derived from the fleet's identity, so that every run derives the same ones."""

from __future__ import annotations

import uuid

import msgspec

from reconciler.address import Address, valid_name
from reconciler.identity import Identity, owner_of

PARTIAL = ".partial"
"""Ends the name of a volume whose content is not complete."""
ROLES = ("disk", "kernel", "initrd")
FORMATS = ("qcow2", "raw")
MADE = "made"
"""The mark of a volume that we have made; without it a namesake is not ours."""


class VolumeName(msgspec.Struct, frozen=True):
    """A volume's name, read back: whose it is, which part (an image's content id; what a mark says), which role,
    complete or not.
    """

    origin: Address
    part: str
    role: str
    format: str
    partial: bool = False


def bridge(identity: Identity, network: Address) -> str:
    """A network's bridge; the kernel allows 15 characters."""
    return "rcb" + identity.short(str(network))


def bridge_mac(identity: Identity, network: Address, gateway: str) -> str:
    """The bridge's MAC: fixed, so that guests keep their gateway when a network is started again."""
    return identity.mac(network, gateway)


def vlan(identity: Identity, network: Address) -> str:
    """The device of a network's VLAN on an interface."""
    return "rcv" + identity.short(str(network))


def tap(identity: Identity, origin: Address, nic: str) -> str:
    """The host's end of a NIC: fixed, so that a filter can be bound before the guest starts."""
    return "rct" + identity.short(f"{origin}/{nic}")


def pool(identity: Identity) -> str:
    """The fleet's storage pool."""
    return f"reconciler-{identity.prefix}"


def pool_uuid(identity: Identity) -> str:
    """The pool's UUID: with the name, what makes it ours, since pools carry no metadata."""
    return str(uuid.uuid5(uuid.UUID(identity.fleet_id), "pool"))


def root(identity: Identity, origin: Address) -> str:
    """An instance's root disk."""
    return identity.name(origin, "root")


def seed(identity: Identity, origin: Address) -> str:
    """An instance's seed disk."""
    return identity.name(origin, "seed")


def image(identity: Identity, address: Address, content: str, role: str, file_format: str) -> str:
    """A file of an image. The format is in the name: volumes carry no metadata, and content is never probed."""
    return identity.name(address, f"{content}.{role}.{file_format}")


def data(identity: Identity, origin: Address, file_format: str) -> str:
    """The volume of a Volume. Its format is in the name: a guest can write any header it likes to its disk."""
    return identity.name(origin, f"data.{file_format}")


def mark(identity: Identity, origin: Address, text: str) -> str:
    """A mark of a Volume: an empty volume in our own pool, whose name is all that it says."""
    return identity.name(origin, f"mark.{text}")


def made(file_format: str, pool: str | None) -> str:
    """The text of the mark that says how and where a volume was made."""
    return ".".join([MADE, file_format, *([pool] if pool else [])])


def is_made(text: str) -> bool:
    """Whether a mark tells of a volume's making."""
    return text.split(".")[0] == MADE


def read_made(text: str) -> tuple[str, str | None]:
    """The format and the pool (None is our own) that `made` has put into a mark."""
    _, file_format, *pool = text.split(".", 2)
    return file_format, pool[0] if pool else None


def read_volume(identity: Identity, name: str) -> VolumeName | None:
    """Whose volume this is, or None when its name is none of ours."""
    complete = name.removesuffix(PARTIAL)
    owner = owner_of(complete)
    if owner is None or owner[0] != identity.prefix or not valid_name(owner[2]):
        return None
    _, project, label, part = owner
    if project is None:
        return _image_volume(Address("Image", None, label), part, complete != name)
    if part in ("root", "seed") and valid_name(project):
        formats = {"root": "qcow2", "seed": "raw"}
        return VolumeName(Address("Instance", project, label), "", part, formats[part], complete != name)
    return _data_volume(Address("Volume", project, label), part, complete != name) if valid_name(project) else None


def _data_volume(address: Address, part: str, partial: bool) -> VolumeName | None:
    role, _, rest = part.partition(".")
    if role == "data" and rest in FORMATS:
        return VolumeName(address, "", role, rest, partial)
    understood = not is_made(rest) or rest.split(".")[1:2] in ([each] for each in FORMATS)
    return VolumeName(address, rest, role, "raw", partial) if role == "mark" and rest and understood else None


def _image_volume(address: Address, part: str, partial: bool) -> VolumeName | None:
    words = part.split(".")
    if len(words) != 3 or words[1] not in ROLES or words[2] not in FORMATS:
        return None
    return VolumeName(address, words[0], words[1], words[2], partial)


def read_name(identity: Identity, kind: str, name: str) -> Address | None:
    """The origin of a domain or network of that name, or None when the name is none of ours."""
    owner = owner_of(name)
    if owner is None or owner[0] != identity.prefix or owner[3]:
        return None
    _, project, label, _ = owner
    if project is None or not valid_name(project) or not valid_name(label):
        return None
    return Address(kind, project, label)
