"""Signatures by ssh keys, verified against the list of signers in the trusted configuration."""

from __future__ import annotations

import base64
import binascii
import threading
from pathlib import Path

from reconciler.authority.identity import Identity
from reconciler.authority.programs import Unverified, pinned, program, run

BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
NAMESPACE = "git"
"""What Git signs for. A signature that somebody made for anything else counts nothing."""
_END = b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"


class SshSigners:
    """The list of those whose ssh keys are believed. It is asked as of now: whoever makes a commit also says when."""

    def __init__(self, path: str) -> None:
        self._list = str(pinned(path, "list of allowed signers"))
        self._program = program("ssh-keygen")
        self._found: dict[bytes, tuple[str, ...]] = {}
        self._turn = threading.Lock()

    def verify(self, payload: bytes, signature: bytes, folder: Path) -> Identity:
        """Who signed it; raises `Unverified`. `folder` is private, and this commit's alone.

        Each name is verified by itself: a key may stand on several lines, of which one is for something else.
        """
        file = folder / "signature"
        file.write_bytes(signature)
        good, said = [], b""
        for name in self._principals(_key(signature), file):
            words = ("-Y", "verify", "-f", self._list, "-I", name, "-n", NAMESPACE, "-s", str(file))
            done = run(self._program, *words, data=payload)
            good += [] if done.returncode else [name]
            said += done.stderr + done.stdout if done.returncode else b""
        if not good:
            raise Unverified(_said(said, "the signature is not good"))
        return Identity(tuple(good), verified=True)

    def _principals(self, key: bytes, file: Path) -> tuple[str, ...]:
        """The names that the list has for a key: asked once per key, and only for the choice of whom to verify."""
        with self._turn:
            known = self._found.get(key)
        if known is None:
            done = run(self._program, "-Y", "find-principals", "-f", self._list, "-s", str(file))
            names = done.stdout.decode(errors="replace").splitlines()
            known = tuple(name for name in names if name and not name.startswith("!"))
            if done.returncode or not known:
                raise Unverified(_said(done.stderr, "its key is none of the allowed signers'"))
            with self._turn:
                self._found[key] = known
        return known


def _key(signature: bytes) -> bytes:
    """The public key that a signature says it was made with. Raises `Unverified`."""
    text, end, _ = signature.removeprefix(BEGIN).partition(_END)
    try:
        blob = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        blob = b""
    begin = len(_MAGIC) + 4
    size = int.from_bytes(blob[begin : begin + 4], "big")
    key = blob[begin + 4 : begin + 4 + size]
    if not end or not blob.startswith(_MAGIC) or not size or len(key) != size:
        raise Unverified("the signature is damaged")
    return key


def _said(output: bytes, otherwise: str) -> str:
    """Why, in the words of ssh-keygen where it gave any that mean something."""
    text = output.decode(errors="replace")
    for line in text.splitlines():
        if "expired" in line or "not yet valid" in line or "namespace" in line:
            return line.strip()
    return otherwise
