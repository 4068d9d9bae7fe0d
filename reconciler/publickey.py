"""OpenSSH public keys: reading and fingerprints."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_FIELD = re.compile(r"\S+")


def blob(line: str) -> bytes:
    """The key itself, decoded. Raises `ValueError` that says what is wrong with the line."""
    fields = _FIELD.findall(line)
    if len(fields) < 2 or fields[0] not in KEY_TYPES:
        raise ValueError(
            "write it as in authorized_keys: TYPE BASE64 [COMMENT]; TYPE is one of " + ", ".join(KEY_TYPES)
        )
    if "\n" in line.strip():
        raise ValueError("one keypair holds one key, on one line")
    try:
        data = base64.b64decode(fields[1], validate=True)
    except binascii.Error:
        raise ValueError("its second field is not base64; was the line cut or wrapped?") from None
    if data[4 : 4 + len(fields[0])] != fields[0].encode():
        raise ValueError(f"its data is not a key of type {fields[0]}")
    return data


def fingerprint(line: str) -> str:
    """The SHA256 fingerprint, as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob(line)).digest()).decode().rstrip("=")


def fingerprint_md5(line: str) -> str:
    """The MD5 fingerprint, as OpenStack shows it: colon-separated hex."""
    return hashlib.md5(blob(line), usedforsecurity=False).digest().hex(":")
