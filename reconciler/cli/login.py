"""The ssh command that reaches a guest."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.guest import Guest
from reconciler.kinds.instance import primary_nic
from reconciler.objects import digest
from reconciler.xdg import state_home


def ssh_arguments(guest: Guest, login: str, identities: Sequence[Path], command: Sequence[str]) -> list[str]:
    """`ssh` through the guest's host. A rebuilt guest has a new host key, so keys are remembered by what a rebuild
    changes rather than by an IP address.
    """
    options = {
        "UserKnownHostsFile": f'"{known_hosts(guest)}"',
        "StrictHostKeyChecking": "accept-new",
        "HostKeyAlias": host_key_alias(guest),
        "CheckHostIP": "no",
    }
    if proxy := guest.driver.proxy():
        options["ProxyCommand"] = shlex.join(proxy)  # ssh hands it to a shell
    arguments = ["ssh", "-l", login]
    for name, value in options.items():
        arguments += ["-o", f"{name}={value}"]
    for identity in identities:
        arguments += ["-i", str(identity)]
    return [*arguments, "--", primary_address(guest), *command]


def primary_address(guest: Guest) -> str:
    """The address of the NIC with the default route."""
    instance = guest.loaded.desired.resources.get(guest.observed.key.address)
    fields = guest.observed.stored
    nics = sorted({path.split(".")[1] for path in fields if path.startswith("nics.")})
    nic = primary_nic(instance.spec) if instance else nics[0] if nics else ""
    address = fields.get(f"nics.{nic}.address")
    if not isinstance(address, str):
        raise click.ClickException(f"{guest.observed.key.address} has no address on {guest.observed.key.host}")
    return address


def host_key_alias(guest: Guest) -> str:
    """A name that changes exactly when the guest's root disk is made anew by a rebuild."""
    made_of = {path: value for path, value in guest.observed.stored.items() if path.split(".")[0] in ("image", "seed")}
    return f"{guest.observed.uid}-{digest(made_of)}"


def known_hosts(guest: Guest) -> Path:
    """The host keys of this fleet's guests."""
    path = state_home() / "reconciler" / "known_hosts" / guest.loaded.desired.fleet_id
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def forget_host_key(guest: Guest) -> None:
    """Remove what is remembered of a guest's host key."""
    path = known_hosts(guest)
    if path.exists():
        command = ["ssh-keygen", "-R", host_key_alias(guest), "-f", str(path)]
        subprocess.run(command, capture_output=True, check=False)
