"""A cache of what can be had again at a price: entries by the digest of what they were made from, in one file.

Whoever asks for an entry names its content exactly, so an entry can be missing but never out of date. A file that is
damaged, of another version, too large, or not ours alone counts as empty; nothing ever fails for want of a cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

MOST_BYTES = 64 << 20
"""What is written at most, and half of what is read."""
SLACK = 1 << 20
"""Beside what a run has used as much again is kept, and this: so that going back to another commit finds something, and
a fleet that has changed for years has no more to read than a young one.
"""
ABANDONED = 3600
"""Seconds after which what a killed writer left is taken away."""
_DIGEST = 32


class Pack:
    """The entries of one file. `version` is that of the program that makes them: it alone understands them.

    Writers need no lock: each replaces the whole file at once, and who comes last wins.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.path = path
        self._version = version.encode()
        self._entries = self._read()
        self._used: dict[str, bytes] = {}
        self._new = False

    def get(self, key: str) -> bytes | None:
        """The entry of a key, if it is known."""
        entry = self._entries.get(key)
        if entry is not None:
            self._used[key] = entry
        return entry

    def put(self, key: str, entry: bytes) -> None:
        """Remember an entry."""
        self._entries[key] = self._used[key] = entry
        self._new = True

    def save(self) -> None:
        """Write the file, if anything is new. A cache that cannot be written is none, and no failure."""
        if self._new:
            with contextlib.suppress(OSError):
                self._write(msgspec.msgpack.encode(self._kept()))
            self._new = False

    def _kept(self) -> dict[str, bytes]:
        """What was used in this run first, and of the rest what there is room for."""
        kept: dict[str, bytes] = {}
        size = 0
        room = min(MOST_BYTES, SLACK + 2 * sum(len(key) + len(entry) for key, entry in self._used.items()))
        for key, entry in {**self._used, **self._entries}.items():
            size += len(key) + len(entry)
            if size > room:
                break
            kept[key] = entry
        return kept

    def _read(self) -> dict[str, bytes]:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.msgpack.decode(self._checked(_private(self.path)), type=dict[str, bytes])
        return {}

    def _checked(self, data: bytes) -> memoryview:
        """The entries' part of a file that begins with their digest."""
        content = memoryview(data)[_DIGEST:]
        return content if data[:_DIGEST] == self._digest(content) else memoryview(b"")

    def _digest(self, content: bytes | memoryview) -> bytes:
        digest = hashlib.blake2b(self._version, digest_size=_DIGEST)
        digest.update(content)
        return digest.digest()

    def _write(self, content: bytes) -> None:
        folder = self.path.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder, self.path.name)
        descriptor, name = tempfile.mkstemp(prefix=f"{self.path.name}.", dir=folder)  # it is made 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._digest(content))
                file.write(content)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def version_of(modules: Iterable[Path]) -> str:
    """A digest of source files: entries that other code made are not understood, whatever version it calls itself."""
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for module in sorted(modules):
        digest.update(f"{module.name} {module.stat().st_size}\0".encode())
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _private(path: Path) -> bytes:
    """The content of a file that nobody else can have written; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if (
            not stat.S_ISREG(status.st_mode)
            or others
            or status.st_uid != os.geteuid()
            or status.st_size > MOST_BYTES * 2
        ):
            raise OSError("not a cache of ours")
        return file.read(MOST_BYTES * 2)


def _sweep(folder: Path, name: str) -> None:
    """Take away what writers left that were killed long ago."""
    for path in folder.glob(f"{name}.*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - ABANDONED:
                path.unlink()
