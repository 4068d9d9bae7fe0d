"""SSH keypairs on this machine: made by ssh-keygen, outside of Git, readable by their owner only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from reconciler.diagnostic import DiagnosticError, error


def default_path(name: str) -> Path:
    """Where the private key of a keypair lies unless told otherwise: `ssh` looks there too."""
    return Path.home() / ".ssh" / f"reconciler_{name}"


def can_generate() -> bool:
    """Whether ssh-keygen is there."""
    return shutil.which("ssh-keygen") is not None


def generate(path: Path, comment: str) -> str:
    """Make an Ed25519 keypair and return the public key's line. Raises `DiagnosticError`; never overwrites."""
    for file in (path, public_path(path)):
        if file.exists() or file.is_symlink():
            detail = f"{file} exists and is not overwritten. Name another file with --file, or remove it."
            raise DiagnosticError(error("key-exists", "key exists", detail))
    if not can_generate():
        raise DiagnosticError(error("no-ssh-keygen", "ssh-keygen is missing", "Install the OpenSSH client."))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if made.returncode:
        reason = (made.stderr or made.stdout).strip()
        raise DiagnosticError(error("no-key", "key could not be made", f"ssh-keygen said: {reason}"))
    return read_public(path)


def read_public(path: Path) -> str:
    """The public key that belongs to a private key."""
    return public_path(path).read_text(encoding="utf-8").strip()


def public_path(path: Path) -> Path:
    """The file of the public key."""
    return path.with_name(path.name + ".pub")
