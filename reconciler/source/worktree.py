"""The files of a work tree, reached from its root by descriptors, so that no link can lead anywhere else."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from reconciler.diagnostic import Place, error
from reconciler.source.content import Entry, EntryType, SourceError, by_name, printable, too_large

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


class WorkTree:
    """The folder that a repository is checked out in, as `Content`, but for what is `ignored`: no commit has it."""

    def __init__(self, root: Path, ignored: frozenset[str] = frozenset()) -> None:
        self._root, self._ignored = root, ignored
        self._children: dict[str, Mapping[str, Entry]] = {}

    def children(self, folder: str) -> Mapping[str, Entry]:
        """What a folder holds; nothing when it is no folder, or reached over a link."""
        if folder not in self._children:
            self._children[folder] = by_name(self._listed(folder))
        return self._children[folder]

    def _listed(self, folder: str) -> list[Entry]:
        with _reading(folder), suppress(FileNotFoundError, NotADirectoryError), self._folder(folder) as descriptor:
            names = os.listdir(descriptor)  # noqa: PTH208 - a path could be swapped for a link, a descriptor cannot
            entries = [_entry(folder, name, descriptor) for name in names]
            return [entry for entry in entries if entry is not None and entry.path not in self._ignored]
        return []

    def prepare(self, folder: str) -> None:
        """Nothing is gained by it here."""

    def fetch(self, entries: Iterable[Entry]) -> None:
        """Nothing is gained by it here."""

    def size(self, entry: Entry) -> int:
        """The size of a file in bytes."""
        with self._open(entry) as file:
            return os.fstat(file.fileno()).st_size

    def blob_id(self, entry: Entry) -> str:
        """The id that Git would give to the file as it is (its filters and line ends left aside)."""
        with self._open(entry) as file:
            digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest()

    def read(self, entry: Entry, most: int) -> bytes:
        """A whole file; raises `SourceError` when it has more bytes than that."""
        with self._open(entry) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise too_large(entry, most)
        return data

    def copy(self, entry: Entry, target: BinaryIO) -> None:
        """Write a whole file to `target`."""
        with self._open(entry) as file:
            while chunk := file.read(_CHUNK):
                target.write(chunk)

    def _open(self, entry: Entry) -> BinaryIO:
        folder, _, name = entry.path.rpartition("/")
        with _reading(entry.path), self._folder(folder) as descriptor:
            file = open(name, "rb", opener=lambda path, _: os.open(path, _FILE, dir_fd=descriptor))  # noqa: SIM115 - it is handed on
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                file.close()
                raise OSError("It is no longer a plain file")
            return file

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        descriptor = os.open(self._root, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for part in path.split("/") if path else ():
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _entry(folder: str, name: str, descriptor: int) -> Entry | None:
    path = f"{folder}/{name}" if folder else name
    with suppress(FileNotFoundError):  # gone since it was listed
        mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
        target = os.readlink(name, dir_fd=descriptor) if stat.S_ISLNK(mode) else ""
        return Entry(path=path, type=_type(name, mode, descriptor), target=target)
    return None


def _type(name: str, mode: int, descriptor: int) -> EntryType:
    if stat.S_ISDIR(mode):
        with suppress(OSError):
            os.stat(f"{name}/.git", dir_fd=descriptor, follow_symlinks=False)
            return "module"
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "other"


def blob_id(data: bytes) -> str:
    """The id that Git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        place = Place(printable(path))
        raise SourceError(
            error("unreadable", "file cannot be read", f"{problem.strerror or problem}.", place)
        ) from problem
