"""How a host is reached: its section of the trusted configuration, checked, and the URI that is built from it.

A URI is never taken from anybody: libvirt runs commands that a URI names (`qemu+ext:///?command=…`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from reconciler.driver import DriverError, ErrorClass

_PATH = r"^/[-A-Za-z0-9._/+@ ]*$(?!\n)"
_DEVICE = r"^[A-Za-z0-9][-A-Za-z0-9_.]{0,14}$(?!\n)"
_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$(?!\n)"
_POOL = r"^[A-Za-z0-9_][-A-Za-z0-9_.]{0,62}$(?!\n)"
_WORDS = {
    _PATH: "that is an absolute path, without odd characters",
    _DEVICE: "that names a network device: at most 15 letters, digits and -_.",
    _LABEL: "that is a name as manifests have them: lower-case letters, digits and -",
    _POOL: "that names a storage pool: letters, digits and -_.",
}
"""What a value has to be, in words, by the pattern that it has to match."""

AbsolutePath = Annotated[str, Meta(pattern=_PATH, max_length=1024)]
DeviceName = Annotated[str, Meta(pattern=_DEVICE)]
NetworkName = Annotated[str, Meta(pattern=_LABEL)]
PoolName = Annotated[str, Meta(pattern=_POOL)]


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`prefix` goes before every command; empty means this machine, as the user that we are."""

    prefix: tuple[Annotated[str, Meta(min_length=1)], ...] = ()


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a physical network is on this host: a `bridge` of the host's own, or an `interface`, which we give one."""

    bridge: DeviceName | None = None
    interface: DeviceName | None = None

    def __post_init__(self) -> None:
        if (self.bridge is None) == (self.interface is None):
            raise ValueError("a physical network is either a `bridge` or an `interface`")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host's section of the trusted configuration.

    `pool` is the folder under which the fleet's storage pool makes a folder of its own; `pools` are the storage pools
    of the host, by name, that volumes may lie in instead. `stop_deadline` is how many seconds a guest has to follow the
    power button before it is switched off, `follow_deadline` how many to let go of a disk, or to take up memory.
    `physical_networks` says, by the names that manifests use, what networks of mode bridge are joined to.
    """

    transport: Literal["unix"] = "unix"
    socket: AbsolutePath = "/run/libvirt/libvirt-sock"
    pool: AbsolutePath = "/var/lib/libvirt/images"
    pools: tuple[PoolName, ...] = ()
    channel: ChannelSettings = ChannelSettings()
    stop_deadline: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    follow_deadline: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    physical_networks: dict[NetworkName, Wire] = {}

    @property
    def uri(self) -> str:
        """For libvirt and its own tools."""
        return f"qemu+unix:///system?socket={quote(self.socket, safe='/')}"


def settings(host: str, connection: Mapping[str, object]) -> Settings:
    """The section, checked. Raises `DriverError` (yours) that says which part is wrong."""
    try:
        return msgspec.convert(connection, Settings)
    except msgspec.ValidationError as error:
        why = str(error)
        for pattern, words in _WORDS.items():
            why = why.replace(f"matching regex {pattern!r}", words)
        raise DriverError(ErrorClass.YOURS, f"the trusted configuration of host {host} is not valid: {why}") from None
