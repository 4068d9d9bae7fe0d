"""OpenSSH public keys: reading and fingerprints."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re

KEY_TYPES = {
    "ssh-ed25519": 2,
    "ssh-rsa": 3,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
"""Type to the number of its fields (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH's PROTOCOL.u2f)."""
_FIELD = re.compile(r"\S+")


def blob(line: str) -> bytes:
    """The key itself, decoded. Raises `ValueError` that says what is wrong with the line."""
    if "\n" in line.strip():
        raise ValueError("one keypair holds one key, on one line")
    fields = _FIELD.findall(line)
    if len(fields) < 2 or fields[0] not in KEY_TYPES:
        raise ValueError(
            "write it as in authorized_keys: TYPE BASE64 [COMMENT]; TYPE is one of " + ", ".join(KEY_TYPES)
        )
    try:
        data = base64.b64decode(fields[1], validate=True)
    except binascii.Error:
        raise ValueError("its second field is not base64; the line may have been cut or wrapped") from None
    parts = _wire_fields(data)
    if len(parts) != KEY_TYPES[fields[0]] or parts[0] != fields[0].encode() or not all(parts):
        raise ValueError(f"its data is no whole key of type {fields[0]}; it may have been cut")
    return data


def _wire_fields(data: bytes) -> list[bytes]:
    """The length-prefixed fields of RFC 4251 §5; none when they do not add up to the data."""
    fields = []
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            return []
        fields.append(data[4 : 4 + size])
        data = data[4 + size :]
    return fields


@functools.lru_cache(maxsize=4096)
def fingerprint(line: str) -> str:
    """The SHA256 fingerprint, as `ssh-keygen -l` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob(line)).digest()).decode().rstrip("=")


def md5_fingerprint(line: str) -> str:
    """The MD5 fingerprint, as `ssh-keygen -l -E md5` shows it; OpenStack and older tools know keys by it."""
    digest = hashlib.md5(blob(line), usedforsecurity=False).hexdigest()
    return "MD5:" + ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def family(line: str) -> str:
    """The type as `ssh-keygen -l` names it: `ED25519`, `RSA`, `ECDSA`, or with `-SK` where a token holds the key."""
    name = _FIELD.findall(line)[0].removesuffix("@openssh.com")
    word = next(word for word in ("ed25519", "rsa", "ecdsa") if word in name)
    return word.upper() + ("-SK" if name.startswith("sk-") else "")


def bits(line: str) -> int:
    """The key's size, as `ssh-keygen -l` counts it."""
    name, fields = _FIELD.findall(line)[0], _wire_fields(blob(line))
    if name == "ssh-rsa":
        return int.from_bytes(fields[2], "big").bit_length()
    return int(digits[0]) if (digits := re.findall(r"nistp([0-9]+)", name)) else 256


def comment(line: str) -> str:
    """What follows the key on its line; empty when nothing does."""
    return " ".join(_FIELD.findall(line)[2:])
