"""A file of lines: the first has all that was there when the file was begun, each other one what a call changed.

So a call costs what it changes, and not what the host has. What stands in the file never changes: readers go on where
they were, without a lock. A line without an end is one whose writer was killed in the middle of it: it was never
there, and the next writer cuts it off. When the changes have outgrown the first line, a file that is begun anew takes
the place of this one at once.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

SLACK = 4 << 20
"""Bytes of changes for which no file is begun anew."""


class Journal:
    """The file that is at a path now, and how far it was read. It is held open, so that another file that takes its
    place is never mistaken for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = self._first = self._lines = 0
        try:
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except PermissionError:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._file = None
        if self._file is not None:
            weakref.finalize(self, os.close, self._file)

    @classmethod
    def begin(cls, path: Path, first: bytes) -> Journal:
        """Begin the file anew: after a crash there is the old one or this one. It counts as read."""
        temporary = path.with_name(path.name + ".new")
        with temporary.open("wb") as file:
            file.write(first + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        journal = cls(path)
        for _ in journal.fresh():
            pass
        return journal

    @property
    def empty(self) -> bool:
        """Whether nothing was read of it."""
        return self._read == 0

    def is_current(self) -> bool:
        """Whether the file at the path is still this one, and nothing of what was read is gone from it."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return self._file is None
        return self._file is not None and os.path.samestat(there, os.fstat(self._file)) and there.st_size >= self._read

    def fresh(self) -> Iterator[tuple[int, bytes]]:
        """The lines that were not read yet, with their numbers from 0. Raises `ValueError` when there is no first."""
        if self._file is None:
            return
        size = os.fstat(self._file).st_size
        whole, end, _ = os.pread(self._file, size - self._read, self._read).rpartition(b"\n")
        if not end and not self._lines:
            raise ValueError("its first line has no end")
        for line in whole.split(b"\n") if end else ():
            number, self._lines, self._read = self._lines, self._lines + 1, self._read + len(line) + 1
            self._first = self._first or self._read
            yield number, line

    def digest(self) -> str:
        """A digest of the lines that were read; of all that are there when none was."""
        if self._file is None:
            return ""
        data = os.pread(self._file, self._read or os.fstat(self._file).st_size, 0)
        return hashlib.sha256(memoryview(data)[: data.rfind(b"\n") + 1]).hexdigest()

    def takes(self, line: bytes) -> bool:
        """Whether a line is to be added to this file, rather than one begun anew."""
        return self._file is not None and self._read + len(line) < 2 * self._first + SLACK

    def append(self, line: bytes) -> None:
        """Add a line behind what was read: only for who knows that nobody else writes, and has read everything."""
        assert self._file is not None
        os.ftruncate(self._file, self._read)
        data = memoryview(line + b"\n")
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._read + written)
        self._read += len(data)
        self._lines += 1
