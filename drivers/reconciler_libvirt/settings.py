"""How a host is reached: its section of the trusted configuration, checked.

It is given in parts, never as a URI: `remote.py` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler.driver import DriverError, ErrorClass
from reconciler.prepared import prepared
from reconciler_libvirt.remote import (
    HOST,
    PATH,
    USER,
    AbsolutePath,
    HostAddress,
    Port,
    SshLogin,
    SshOptions,
    TlsOptions,
    UserName,
    tls_uri,
    unix_uri,
)

_DEVICE = r"^[A-Za-z0-9][-A-Za-z0-9_.]{0,14}$(?!\n)"
_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$(?!\n)"
_POOL = r"^(?!.*\.partial$)[A-Za-z0-9_][-A-Za-z0-9_.]{0,62}$(?!\n)"
_WORDS = {
    HOST: "that is a host's name or address",
    USER: "that is a user's name",
    PATH: "that is an absolute path, without odd characters",
    _DEVICE: "that names a network device: at most 15 letters, digits and -_.",
    _LABEL: "that is a name as manifests have them: lower-case letters, digits and -",
    _POOL: "that names a storage pool: letters, digits and -_., and not `.partial` at its end",
}
"""What a value has to be, in words, by the pattern that it has to match."""

DeviceName = Annotated[str, Meta(pattern=_DEVICE)]
NetworkName = Annotated[str, Meta(pattern=_LABEL)]
PoolName = Annotated[str, Meta(pattern=_POOL)]


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How commands are run on the host: by `ssh`, else on this machine; `prefix` goes before every one.

    A host of transport ssh has it from there.
    """

    prefix: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    ssh: SshLogin | None = None


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a physical network is on this host: a `bridge` of the host's own, or an `interface`, which we give one."""

    bridge: DeviceName | None = None
    interface: DeviceName | None = None

    def __post_init__(self) -> None:
        if (self.bridge is None) == (self.interface is None):
            raise ValueError("a physical network is either a `bridge` or an `interface`")


@prepared
class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host's section of the trusted configuration.

    `transport` says how libvirt's daemon is reached: at a `socket` of this machine, at one of `host` through ssh (then
    as `user`, with `ssh`), or by TLS at `host` (with `tls`).
    `pool` is the folder under which the fleet's storage pool makes a folder of its own; `pools` are the storage pools
    of the host, by name, that volumes may lie in instead. `stop_deadline` is how many seconds a guest has to follow the
    power button before it is switched off, `follow_deadline` how many to let go of a disk, or to take up memory.
    `physical_networks` says, by the names that manifests use, what networks of mode bridge are joined to.
    """

    transport: Literal["unix", "ssh", "tls"] = "unix"
    host: HostAddress | None = None
    port: Port | None = None
    user: UserName | None = None
    socket: AbsolutePath = "/run/libvirt/libvirt-sock"
    ssh: SshOptions | None = None
    tls: TlsOptions | None = None
    pool: AbsolutePath = "/var/lib/libvirt/images"
    pools: tuple[PoolName, ...] = ()
    channel: ChannelSettings = ChannelSettings()
    stop_deadline: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    follow_deadline: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    physical_networks: dict[NetworkName, Wire] = {}

    def __post_init__(self) -> None:
        remote = self.transport != "unix"
        given = {name for name in ("host", "port", "user", "ssh", "tls") if getattr(self, name) is not None}
        taken = {"unix": set(), "ssh": {"host", "port", "user", "ssh"}, "tls": {"host", "port", "tls"}}[self.transport]
        if remote and self.host is None:
            raise ValueError(f"transport {self.transport} needs a `host`")
        if odd := sorted(given - taken):
            raise ValueError(f"transport {self.transport} takes no `{odd[0]}`")
        if self.transport == "ssh" and self.channel.ssh:
            raise ValueError("transport ssh has its host channel already: leave `channel.ssh` out")

    @property
    def login(self) -> SshLogin | None:
        """Where ssh logs in for the host channel; None when commands run on this machine."""
        if self.transport != "ssh":
            return self.channel.ssh
        assert self.host is not None
        options = msgspec.structs.asdict(self.ssh or SshOptions())
        return SshLogin(host=self.host, port=self.port or 22, user=self.user or "root", **options)

    @property
    def place(self) -> str:
        """Where the daemon is, for people."""
        if self.transport == "tls":
            return self.uri()
        return f"{self.socket} of {self.host}" if self.host else self.socket

    def uri(self, forwarded: str = "") -> str:
        """For libvirt. `forwarded` is where the socket of a host of transport ssh is to be had."""
        if self.transport == "tls":
            return tls_uri(self.host or "", self.port, self.tls or TlsOptions())
        return unix_uri(forwarded or self.socket)


def settings(host: str, connection: Mapping[str, object]) -> Settings:
    """The section, checked. Raises `DriverError` (yours) that says which part is wrong."""
    try:
        return msgspec.convert(connection, Settings)
    except msgspec.ValidationError as error:
        why = str(error)
        for pattern, words in _WORDS.items():
            why = why.replace(f"matching regex {pattern!r}", words)
        raise DriverError(ErrorClass.YOURS, f"the trusted configuration of host {host} is not valid: {why}") from None
