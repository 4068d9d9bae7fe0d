"""A test host as if it were far away: reached by ssh or TLS, through a door on this machine's loopback.

Nothing of this machine's network is changed: the door's other side is a socket of the host's own network.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.support.guests import Keys
from tests.support.hosts import Host, until
from tests.support.spaces import inside

SSHD = "/usr/sbin/sshd"
NAME = "localhost"
"""What the door is called, and so what the host's certificates have to say."""


class Door:
    """A port of the loopback here that leads to a port of a host's loopback. `cut` ends what goes through it."""

    def __init__(self, host: Host, port: int) -> None:
        self._host, self._target = host, port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = inside(self._host.pid, socket.AF_INET, socket.SOCK_STREAM)
                far.connect(("127.0.0.1", self._target))
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def cut(self) -> None:
        """End every connection that goes through it now."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends = []

    def close(self) -> None:
        """Shut the door."""
        self._server.close()
        self.cut()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Remote(msgspec.Struct, frozen=True):
    """The host behind a door, and the section of a trusted configuration that leads there."""

    host: Host
    door: Door
    connection: dict[str, Any]
    folder: Path


@contextlib.contextmanager
def by_ssh(host: Host, folder: Path) -> Iterator[Remote]:
    """The host with an ssh server of its own, which lets one key in."""
    server, ours = Keys.make(folder / "server"), Keys.make(folder / "id")
    (folder / "authorized").write_text(ours.public + "\n")
    options = {"HostKey": server.private, "AuthorizedKeysFile": folder / "authorized", "ListenAddress": "127.0.0.1"}
    options |= {"StrictModes": "no", "UsePAM": "no", "PidFile": folder / "pid", "PermitRootLogin": "prohibit-password"}
    host.run("mkdir", "-p", "/run/sshd")
    # What root's shell does at each login here is no matter of the host's.
    host.run("sh", "-c", "test ! -e ~/.bashrc || mount --bind /dev/null ~/.bashrc")
    host.run(SSHD, "-f", "/dev/null", *[f"-o{name}={value}" for name, value in options.items()])
    door = Door(host, 22)
    (folder / "known").write_text(f"[127.0.0.1]:{door.port} {server.public}\n")
    ssh = {"identity": str(ours.private), "known_hosts": str(folder / "known")}
    try:
        yield Remote(host, door, {"transport": "ssh", "host": "127.0.0.1", "port": door.port, "ssh": ssh}, folder)
    finally:
        door.close()
        host.run("kill", until((folder / "pid").read_text, 5, "sshd to say who it is").strip())


@contextlib.contextmanager
def by_tls(host: Host, folder: Path) -> Iterator[Remote]:
    """The host with its daemon listening for TLS, and certificates of an authority of its own."""
    authority = Authority(folder)
    authority.issue("server", NAME, "tls_www_server", f'dns_name = "{NAME}"')
    authority.issue("client", "controller", "tls_www_client")
    settings: dict[str, object] = {"ca_file": folder / "cacert.pem", "cert_file": folder / "servercert.pem"}
    settings |= {"key_file": folder / "serverkey.pem", "listen_addr": "127.0.0.1"}
    before = (host.folder / "etc/libvirtd.conf").read_text()
    lines = [f'{name} = "{value}"\n' for name, value in settings.items()]
    (host.folder / "etc/libvirtd.conf").write_text(before + "".join(lines) + "listen_tls = 1\n")
    host.restart_libvirtd("--listen")
    door = Door(host, 16514)
    try:
        yield Remote(
            host, door, {"transport": "tls", "host": NAME, "port": door.port, "tls": {"pki": str(folder)}}, folder
        )
    finally:
        door.close()
        (host.folder / "etc/libvirtd.conf").write_text(before)
        host.restart_libvirtd()


class Authority:
    """A certificate authority for a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certtool("--generate-privkey", "--outfile", str(folder / "cakey.pem"))
        template = self._template("ca", 'cn = "test"\nca\ncert_signing_key\n')
        ca = ("--load-privkey", str(folder / "cakey.pem"), "--template", template)
        self._certtool("--generate-self-signed", *ca, "--outfile", str(folder / "cacert.pem"))

    def issue(self, role: str, name: str, *lines: str) -> None:
        """Write `ROLEcert.pem` and `ROLEkey.pem`."""
        key, folder = str(self._folder / f"{role}key.pem"), self._folder
        self._certtool("--generate-privkey", "--outfile", key)
        text = "\n".join([f'cn = "{name}"', "signing_key", "encryption_key", *lines, ""])
        ca = ("--load-ca-certificate", str(folder / "cacert.pem"), "--load-ca-privkey", str(folder / "cakey.pem"))
        made = ("--load-privkey", key, *ca, "--template", self._template(role, text))
        self._certtool("--generate-certificate", *made, "--outfile", str(folder / f"{role}cert.pem"))

    def _template(self, name: str, text: str) -> str:
        path = self._folder / f"{name}.info"
        path.write_text(text)
        return str(path)

    def _certtool(self, *arguments: str) -> None:
        program = shutil.which("certtool")
        assert program, "gnutls-bin is not installed"
        subprocess.run([program, *arguments], check=True, capture_output=True)
