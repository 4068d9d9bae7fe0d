"""Hosts elsewhere: the parts from which commands and URIs are built, each checked, none able to become an option.

A URI is never taken from anybody: libvirt runs commands that a URI names (`qemu+ext:///?command=…`). Likewise nothing
is read from anybody's ssh configuration (`-F none`), which can name commands, too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

PATH = r"^/[-A-Za-z0-9._/+@ ]*$(?!\n)"
HOST = r"^([A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7})$(?!\n)"
USER = r"^[A-Za-z_][-A-Za-z0-9_.]{0,31}$(?!\n)"

AbsolutePath = Annotated[str, Meta(pattern=PATH, max_length=1024)]
HostAddress = Annotated[str, Meta(pattern=HOST)]
UserName = Annotated[str, Meta(pattern=USER)]
Port = Annotated[int, Meta(ge=1, le=65535)]

_KEEPALIVE = {"ServerAliveInterval": "5", "ServerAliveCountMax": "3"}
_STRICT = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "LogLevel": "ERROR",
}
"""Nobody is asked, nobody unknown is trusted, and nothing of ours is lent to the host."""


class SshOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ssh proves who is who: our `identity` file and the host keys of `known_hosts`, by default ssh's own.

    `connect_timeout` is how many seconds the host has to accept the connection.
    """

    identity: AbsolutePath | None = None
    known_hosts: AbsolutePath | None = None
    connect_timeout: Annotated[int, Meta(ge=1, le=300)] = 10


class SshLogin(SshOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to log in, and as whom."""

    host: HostAddress
    port: Port = 22
    user: UserName = "root"

    def words(self, *options: str) -> list[str]:
        """The ssh command up to the host; what follows is the command there, as one quoted line."""
        named = [word for name, value in self._options() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-T", *named, *options, "-p", str(self.port), "-l", self.user, "--", self.host]

    def command(self, words: Sequence[str], *options: str) -> list[str]:
        """The command that runs `words` there. sshd hands a shell one line, so that each word is quoted."""
        return [*self.words(*options), shlex.join(words)]

    def proxy(self) -> list[str]:
        """The command that carries a connection from the host to `%h` and `%p`, as ssh's `ProxyCommand`."""
        return [*self.words("-W", "[%h]:%p")]

    def _options(self) -> Iterator[tuple[str, str]]:
        yield from (_STRICT | _KEEPALIVE).items()
        yield "ConnectTimeout", str(self.connect_timeout)
        if self.identity:
            yield "IdentityFile", f'"{self.identity}"'
            yield "IdentitiesOnly", "yes"
        if self.known_hosts:
            yield "UserKnownHostsFile", f'"{self.known_hosts}"'
            yield "GlobalKnownHostsFile", "none"


class TlsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pki` is a folder with `cacert.pem`, `clientcert.pem` and `clientkey.pem`; by default libvirt's own places."""

    pki: AbsolutePath | None = None


def unix_uri(socket: str) -> str:
    """The URI of a daemon that listens at a socket of this machine."""
    return f"qemu+unix:///system?socket={quote(socket, safe='/')}"


def tls_uri(host: str, port: int | None, tls: TlsOptions) -> str:
    """The URI of a daemon that listens for TLS; its certificate has to bear the host's name."""
    name = f"[{host}]" if ":" in host else host
    query = f"?pkipath={quote(tls.pki, safe='/')}" if tls.pki else ""
    return f"qemu+tls://{name}{f':{port}' if port else ''}/system{query}"
