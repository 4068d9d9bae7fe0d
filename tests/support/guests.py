"""The tiny guest, built once and kept for later runs, and how to talk to one that runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from tests.support.hosts import Host, until

SCRIPTS = Path(__file__).parents[2] / "scripts"
BOOT_SECONDS = 90
COMMAND_LINE = "console=ttyS0 quiet"
CLOUD_COMMAND_LINE = "root=/dev/vda console=ttyS0 quiet mitigations=off net.ifnames=0"


class GuestImage(msgspec.Struct, frozen=True):
    """The folder with `kernel`, `initrd` and `disk.qcow2`."""

    folder: Path

    def path(self, role: str) -> Path:
        """The file of a role: disk, kernel or initrd."""
        return self.folder / {"disk": "disk.qcow2"}.get(role, role)

    def sha256(self, role: str) -> str:
        """The digest of the file of a role."""
        return hashlib.sha256(self.path(role).read_bytes()).hexdigest()

    def manifest(self, name: str = "tiny", command_line: str = COMMAND_LINE, **spec: object) -> dict[str, object]:
        """An Image manifest of it; the sources are names in `folder`."""
        content = {
            role: {"source": self.path(role).name, "sha256": self.sha256(role)} for role in ("disk", "kernel", "initrd")
        }
        boot = {"kernel": content["kernel"], "initrd": content["initrd"], "commandLine": command_line}
        spec = {**content["disk"], "format": "qcow2", "boot": boot, **spec}
        return {"apiVersion": "reconciler/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}


def cache() -> Path:
    """Where guests are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "reconciler" / "testbed"


def tiny_guest() -> GuestImage:
    """The guest that most tests boot."""
    return GuestImage(_built("guest"))


def cloud_guest() -> GuestImage:
    """A full Debian guest with cloud-init."""
    return GuestImage(_built("cloud-image"))


def _built(script: str) -> Path:
    """Build a guest unless it is there; workers wait for each other."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{script}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, str(SCRIPTS / script), str(folder)]
        built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


class Keys(msgspec.Struct, frozen=True):
    """A key pair for logging in to guests."""

    private: Path
    public: str

    @classmethod
    def make(cls, path: Path) -> Keys:
        """Write a new pair at `path` and `path`.pub."""
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return cls(path, path.with_suffix(".pub").read_text().strip())


class Machine(Protocol):
    """From where a guest is reached."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command so that it runs there."""


def ssh(
    host: Machine, address: str, keys: Keys, command: str, *, user: str = "root"
) -> subprocess.CompletedProcess[str]:
    """Run a command in a guest, once, without waiting for the guest."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=5"]
    options += ["LogLevel=ERROR", "IdentitiesOnly=yes"]
    flags = [part for option in options for part in ("-o", option)]
    line = [*host.prefix, "ssh", *flags, "-i", str(keys.private), f"{user}@{address}", command]
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def answer(host: Machine, address: str, keys: Keys, command: str) -> str:
    """What a guest answers over SSH, as soon as it does."""
    done = until(
        lambda: done if (done := ssh(host, address, keys, command)).returncode == 0 else None,
        BOOT_SECONDS,
        f"{address} to answer {command!r} over SSH",
    )
    assert done
    return done.stdout.strip()


def open_port(host: Host, address: str, port: int) -> bool:
    """Whether a TCP port of a guest answers when asked from its host."""
    probe = f"import socket; socket.create_connection(({address!r}, {port}), 3).close()"
    return host.run(sys.executable, "-I", "-S", "-c", probe, check=False).returncode == 0
