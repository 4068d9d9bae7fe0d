"""How a host is reached: its section of the trusted configuration, checked, and the URI that is built from it.

A URI is never taken from anybody: libvirt runs commands that a URI names (`qemu+ext:///?command=…`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from reconciler.driver import DriverError, ErrorClass

AbsolutePath = Annotated[str, Meta(pattern=r"^/[-A-Za-z0-9._/+@ ]*$(?!\n)", max_length=1024)]


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`prefix` goes before every command; empty means this machine, as the user that we are."""

    prefix: tuple[Annotated[str, Meta(min_length=1)], ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host's section of the trusted configuration.

    `pool` is the folder under which the fleet's storage pool makes a folder of its own. `stop_deadline` is how many
    seconds a guest has to follow the power button before it is switched off.
    """

    transport: Literal["unix"] = "unix"
    socket: AbsolutePath = "/run/libvirt/libvirt-sock"
    pool: AbsolutePath = "/var/lib/libvirt/images"
    channel: ChannelSettings = ChannelSettings()
    stop_deadline: Annotated[float, Meta(ge=0, le=3600)] = 60.0

    @property
    def uri(self) -> str:
        """For libvirt and its own tools."""
        return f"qemu+unix:///system?socket={quote(self.socket, safe='/')}"


def settings(host: str, connection: Mapping[str, object]) -> Settings:
    """The section, checked. Raises `DriverError` (yours) that says which part is wrong."""
    try:
        return msgspec.convert(connection, Settings)
    except msgspec.ValidationError as error:
        why = re.sub(r"matching regex '.*'", "that is an absolute path, without odd characters", str(error))
        raise DriverError(ErrorClass.YOURS, f"the trusted configuration of host {host} is not valid: {why}") from None
