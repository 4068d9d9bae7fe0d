"""Signatures of published observations: OpenSSH's, so that the keys and lists that people have for commits serve."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

NAMESPACE = "observation@vm-reconciler"
"""What a signature is for: one of anything else is none of an observation."""
_DEADLINE = 30.0
_LONGEST = 300


class SigningError(Exception):
    """A signature cannot be made, or is not to be believed; the message says why."""


def sign(data: bytes, key: Path) -> str:
    """The signature of a key without a passphrase, or of one that the agent has. Raises `SigningError`."""
    if not key.is_file():
        raise SigningError(f"there is no key {key}")
    return _ssh_keygen("-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key), data=data)


def verify(data: bytes, signature: str, signers: Path, signer: str = "") -> str:
    """Who signed, by a list of allowed signers: `signer` if one is named, else whoever of the list it was. Raises
    `SigningError`.
    """
    if not signature:
        raise SigningError("it is not signed")
    if not signers.is_file():
        raise SigningError(f"there is no list of signers {signers}")
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        allowed = ("-f", str(signers.absolute()), "-s", file.name)
        who = signer or _principal(*allowed)
        _ssh_keygen("-Y", "verify", *allowed, "-n", NAMESPACE, "-I", who, data=data)
    return who


def _principal(*allowed: str) -> str:
    """The first that the list has for the key."""
    try:
        return _ssh_keygen("-Y", "find-principals", *allowed).splitlines()[0]
    except (SigningError, IndexError):
        raise SigningError("it was signed with a key that the list of signers does not have") from None


def _ssh_keygen(*words: str, data: bytes = b"") -> str:
    """What it prints. It asks nobody for a passphrase."""
    around = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    around |= {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    command = ["ssh-keygen", *words]
    try:
        done = subprocess.run(
            command, input=data, env=around, capture_output=True, timeout=_DEADLINE, check=False, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise SigningError(f"ssh-keygen cannot be run: {problem}") from problem
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise SigningError(f"ssh-keygen: {said[-1][:_LONGEST] if said else f'status {done.returncode}'}")
    return done.stdout.decode(errors="replace")
