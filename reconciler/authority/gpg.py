"""Signatures by OpenPGP keys, verified against the folder of GnuPG that the trusted configuration names."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from reconciler.authority.identity import Identity
from reconciler.authority.programs import Unverified, pinned, program, run

BEGIN = b"-----BEGIN PGP SIGNATURE-----\n"
_STATUS = "[GNUPG:] "
_OPTIONS = (
    # Nothing but the keys that are there: no configuration, no agent, no key from elsewhere, no web of trust.
    "--no-options",
    "--batch",
    "--no-tty",
    "--trust-model=always",
    "--no-auto-check-trustdb",
    "--no-auto-key-retrieve",
    "--disable-dirmngr",
    "--lock-never",
    "--no-permission-warning",
    "--status-fd=1",
)
_BAD = {
    "BADSIG": "the signature is not of this commit",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "its key has expired",
    "REVKEYSIG": "its key was revoked",
    "NO_PUBKEY": "its key is none of those that count",
    "ERRSIG": "it cannot be checked",
}
_WEAK_DIGESTS = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
_EMAIL = re.compile(r"<([^<>]+)>\s*$")


class GpgSigners:
    """A GnuPG folder: every key in it counts."""

    def __init__(self, path: str) -> None:
        self._home = str(pinned(path, "GnuPG folder"))
        self._program = program("gpg")

    def verify(self, payload: bytes, signature: bytes, folder: Path) -> Identity:
        """Who signed it; raises `Unverified`. `folder` is private, and this commit's alone."""
        file = folder / "signature"
        file.write_bytes(signature)
        done = run(self._program, "--homedir", self._home, *_OPTIONS, "--verify", str(file), "-", data=payload)
        return judged(done.stdout.decode(errors="replace"), done.returncode)


def judged(status: str, code: int) -> Identity:
    """Who signed, by what GnuPG says: its status lines, of one signature that is good in every respect, and nothing
    else. Raises `Unverified`.
    """
    rows = [line.removeprefix(_STATUS).split(" ") for line in status.splitlines() if line.startswith(_STATUS)]
    words = [row[0] for row in rows]
    if bad := next((_BAD[word] for word in _BAD if word in words), None):
        raise Unverified(bad)
    if code or words.count("GOODSIG") != 1 or words.count("VALIDSIG") != 1 or words.count("NEWSIG") > 1:
        raise Unverified("GnuPG does not call it one good signature")
    good = next(row for row in rows if row[0] == "GOODSIG")
    valid = next(row for row in rows if row[0] == "VALIDSIG")
    if digest := _WEAK_DIGESTS.get(valid[8] if len(valid) > 8 else "1"):
        raise Unverified(f"it was made with {digest}, which can be forged")
    email = _EMAIL.search(unquote(" ".join(good[2:]), errors="replace"))
    fingerprint = valid[10] if len(valid) > 10 else valid[1]
    return Identity((*([email[1]] if email else []), fingerprint), verified=True)
