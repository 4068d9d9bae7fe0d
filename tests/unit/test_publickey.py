"""OpenSSH public keys."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from reconciler import publickey

KINDS = [("ed25519", []), ("rsa", ["-b", "2048"]), ("ecdsa", ["-b", "256"]), ("ecdsa", ["-b", "521"])]


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_fingerprints_are_those_that_ssh_keygen_shows(kind: str, options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "me", "-f", file], check=True)
    line = file.with_suffix(".pub").read_text()
    shown = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[1] == publickey.fingerprint(line)


def key(*fields: bytes) -> str:
    data = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return base64.b64encode(data).decode()


GOOD = key(b"ssh-ed25519", b"x" * 32)
BAD = [
    ("", "nothing"),
    ("ssh-ed25519", "no key"),
    (f"ssh-dss {GOOD}", "a type that nobody should use"),
    (f"ssh-rsa {GOOD}", "another type than the data says"),
    (f"ssh-ed25519 {GOOD[:-8]}", "cut"),
    (f"ssh-ed25519 {GOOD[:-1]}", "cut within base64"),
    (f"ssh-ed25519 {GOOD[:20]} {GOOD[20:]}", "wrapped"),
    (f"ssh-ed25519 {key(b'ssh-ed25519')}", "no data behind the type"),
    (f"ssh-ed25519 {key(b'ssh-ed25519', b'')}", "empty data"),
    (f"ssh-ed25519 {GOOD}\nssh-ed25519 {GOOD}", "two keys"),
    (f'command="sh" ssh-ed25519 {GOOD}', "options"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_whole_public_key_is_refused(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        publickey.blob(line)


def test_a_comment_and_spaces_around_are_no_part_of_the_key() -> None:
    assert publickey.fingerprint(f"  ssh-ed25519   {GOOD} me at home \n") == publickey.fingerprint(
        f"ssh-ed25519 {GOOD}"
    )
