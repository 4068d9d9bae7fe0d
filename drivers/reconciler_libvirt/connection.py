"""The connection to one libvirt daemon, built from the parts of the trusted configuration.

Never from a URI: libvirt runs commands that a URI names (`qemu+ext:///?command=…`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import quote

import libvirt
import msgspec
from msgspec import Meta

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.errors import classify

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
        raise DriverError(ErrorClass.YOURS, f"the trusted configuration of host {host} is not valid: {error}") from None


def connect(chosen: Settings) -> libvirt.virConnect:
    """Open the connection. libvirt's habit of printing errors is switched off: they are raised."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with calls(f"connecting to libvirt at {chosen.socket}"):
        return libvirt.open(chosen.uri)


@contextlib.contextmanager
def calls(doing: str) -> Iterator[None]:
    """Turn libvirt's errors into the core's, with what was being done."""
    try:
        yield
    except libvirt.libvirtError as error:
        code, domain = error.get_error_code() or 0, error.get_error_domain() or 0
        message = error.get_error_message() or str(error)
        raise DriverError(classify(code, domain, message), f"{doing}: {message}") from error


@contextlib.contextmanager
def unless(*accepted: ErrorClass) -> Iterator[None]:
    """Pass over errors of these classes: what was to be made exists, what was to be deleted is gone."""
    try:
        yield
    except DriverError as error:
        if error.error_class not in accepted:
            raise
