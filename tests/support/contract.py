"""What the contract suite (`tests/contract`) needs of a hypervisor, and what it makes of that.

A `Bench` is one clean host and the hands of somebody who works on it behind our back. Each driver has one: a module
with `bench(request)`, a context manager that gives a clean host and leaves a clean one (`tests/contract/conftest.py`
lists them).
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Protocol

from reconciler.driver import DriverError, DriverType, ErrorClass, Files, HostConfig

FLEET_ID = "5f3c1a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"
OTHER_FLEET_ID = "0d9a7f0e-2c1b-4d57-8a35-6f4e3c2b1a09"
MIB = 1 << 20
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode()

Thing = Literal["domain", "network", "volume", "table"]
Damage = Literal["stranger", "malformed", "oversized", "duplicated"]

WEB = "Instance/default/web"
LAN = "Network/default/lan"
SSH = "SecurityGroup/default/ssh"
TINY = "Image/tiny"
DATA = "Volume/default/data"
SECRET = "correct-horse-battery-staple"
"""What every secret is, so that a test can look for it."""


class Bench(Protocol):
    """One clean host, and somebody with its administrator's rights. Names are names on the hypervisor."""

    config: HostConfig
    driver: DriverType
    files: Files

    def manifests(self) -> str:
        """Fleet, Host, Flavors `small` and `large` (more of everything), Images `tiny` and `other` (not the same)."""

    def subnet(self) -> str:
        """The first three numbers of a /24 that the host can have a network in, such as `10.77.0`."""

    def pool(self) -> str:
        """A storage pool that is not the fleet's own, and that volumes may lie in."""

    def wire(self) -> str:
        """What manifests call a physical network of the host."""

    def vlans(self) -> bool:
        """Whether the host's kernel has VLANs."""

    def await_guest(self, name: str) -> None:
        """Wait until the guest of a running domain has come so far that it follows what it is asked for."""

    def serials(self, name: str) -> list[str]:
        """The serials of the data disks that a running domain has, as its guest can see them."""

    def stop_guest(self, name: str) -> None:
        """Pull the plug of a domain."""

    def shut_guest_down(self, name: str) -> None:
        """Let a guest switch itself off, and wait until it has."""

    def crash_guest(self, name: str) -> None:
        """Let a running domain die, and wait until it has."""

    def restart_daemon(self) -> None:
        """End the daemon and start it anew; guests run on."""

    def set_stored_memory(self, name: str, memory: int) -> None:
        """Change what a domain will have at its next start, in bytes."""

    def drop_filters(self, name: str) -> None:
        """Take away what filters a domain's NICs, and leave the links up."""

    def stop_network(self, name: str) -> None:
        """Make a network inactive."""

    def lose_volume(self, name: str) -> None:
        """Delete a volume."""

    def write(self, name: str, text: str) -> None:
        """Leave a mark in a volume (of the fleet's own pool), as a guest that writes to its disk does."""

    def written(self, name: str) -> str:
        """The mark that is in a volume; empty when there is none."""

    def boot(self, name: str) -> object:
        """Something about a running domain that differs after each cold start."""

    def unfiltered(self) -> list[str]:
        """The running NICs of all domains whose links are up and that nothing filters."""

    def plant(self, thing: Thing, name: str, uuid: str) -> None:
        """Make something that is not ours. A volume is a plain one with some content; a table is the fleet's."""

    def damage(self, name: str, damage: Damage) -> None:
        """Spoil our metadata on a domain or a network: another fleet's id, no sense, far too much of it, twice."""

    def table(self) -> str:
        """The name of the fleet's table in the packet filter."""

    def everything(self) -> object:
        """All that the host has, ours or not, so that any change of it shows."""


class Folder:
    """`Files` from one folder. Of secrets it has one: `motd`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, source: str, sha256: str) -> Path:
        """The file of that name, verified."""
        path = self._folder / source
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise DriverError(ErrorClass.YOURS, f"{path} has another digest than {sha256}")
        return path

    def secret(self, name: str) -> str:
        """The text of a secret."""
        if name != "motd":
            raise DriverError(ErrorClass.YOURS, f"there is no secret {name!r}")
        return f"#cloud-config\nbootcmd: [echo {SECRET}]\n"


def manifest(kind: str, name: str, /, **spec: Any) -> str:
    """One YAML document; JSON is YAML."""
    metadata = {"name": name, **spec.pop("metadata", {})}
    return (
        "---\n" + json.dumps({"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": spec}) + "\n"
    )
