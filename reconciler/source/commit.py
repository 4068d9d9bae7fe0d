"""The files of one commit, read as Git objects: nothing is checked out, so no filter, hook or link can act."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from reconciler.source import bulk, trees
from reconciler.source.content import Entry, EntryType, by_name, too_large
from reconciler.source.revision import damaged, whole

if TYPE_CHECKING:
    from git import Repo

_TYPES: dict[int, EntryType] = {0o04: "folder", 0o10: "file", 0o12: "link", 0o16: "module"}
"""What the upper bits of a mode in a Git tree mean; Git takes all others for a submodule."""
_LONGEST_LINK = 4096
_CHUNK = 1 << 20


class CommitTree:
    """The files of a commit, as `Content`. One process of Git answers for all objects, hence one question at a time."""

    def __init__(self, repo: Repo, commit: str) -> None:
        self._repo = repo
        self._turn = threading.RLock()
        self._sizes: dict[str, int] = {}
        self._children: dict[str, Mapping[str, Entry]] = {}
        self._contents: dict[str, bytes] = {}
        header = self._data(commit).partition(b"\n")[0]
        self._folders: dict[str, str] = {"": header.removeprefix(b"tree ").decode()}

    def prepare(self, folder: str) -> None:
        """Read all names and sizes below a folder at once. It is faster, and makes no other difference."""
        root = self._folder_id(folder)
        rows = bulk.listing(self._repo, root) if root else None
        if root and rows and not trees.is_listing(root, rows):
            rows = None
        prefix = f"{folder}/" if folder else ""
        children: dict[str, list[Entry]] = {folder: []} if rows else {}
        for row in rows or ():
            if row.size is not None:
                self._sizes[row.id] = row.size
            entry = self._entry(prefix + row.path, row.mode, row.id)
            children.setdefault(entry.path.rpartition("/")[0], []).append(entry)
            if entry.type == "folder":
                self._folders[entry.path] = entry.id
        self._children |= {path: by_name(entries) for path, entries in children.items()}

    def fetch(self, entries: Iterable[Entry]) -> None:
        """Read files at once that are about to be asked for one by one."""
        self._contents |= bulk.contents(self._repo, (entry.id for entry in entries))

    def children(self, folder: str) -> Mapping[str, Entry]:
        """What a folder holds; nothing when it is no folder."""
        if folder not in self._children:
            self._children[folder] = by_name(self._listed(folder))
        return self._children[folder]

    def _listed(self, folder: str) -> list[Entry]:
        tree = self._folder_id(folder)
        if tree is None:
            return []
        try:
            rows = trees.entries(self._data(tree))
        except ValueError as problem:  # Git makes no such tree
            raise damaged(self._repo, tree) from problem
        prefix = f"{folder}/" if folder else ""
        names = [(row, row.name.decode("utf-8", "surrogateescape")) for row in rows]
        entries = [self._entry(prefix + name, row.mode, row.id) for row, name in names]
        self._folders |= {entry.path: entry.id for entry in entries if entry.type == "folder"}
        return entries

    def size(self, entry: Entry) -> int:
        """The size of a file in bytes."""
        if entry.id not in self._sizes:
            with self._turn:
                try:
                    self._sizes[entry.id] = self._repo.odb.info(bytes.fromhex(entry.id)).size
                except ValueError as problem:
                    raise damaged(self._repo, entry.id) from problem
        return self._sizes[entry.id]

    def blob_id(self, entry: Entry) -> str:
        """The id of a file's content."""
        return entry.id

    def read(self, entry: Entry, most: int) -> bytes:
        """A whole file; raises `SourceError` when it has more bytes than that."""
        if self.size(entry) > most:
            raise too_large(entry, most)
        fetched = self._contents.pop(entry.id, None)
        return self._data(entry.id) if fetched is None else fetched

    def copy(self, entry: Entry, target: BinaryIO) -> None:
        """Write a whole file to `target`."""
        with self._turn:
            stream = self._repo.odb.stream(bytes.fromhex(entry.id))
            while chunk := stream.read(_CHUNK):
                target.write(chunk)

    def _entry(self, path: str, mode: int, identity: str) -> Entry:
        entry = Entry(path=path, type=_TYPES.get(mode >> 12, "module"), id=identity)
        if entry.type != "link" or self.size(entry) > _LONGEST_LINK:
            return entry
        target = self.read(entry, _LONGEST_LINK).decode("utf-8", "surrogateescape")
        return msgspec.structs.replace(entry, target=target)

    def _folder_id(self, path: str) -> str | None:
        if path not in self._folders:
            parent = path.rpartition("/")[0]
            if self._folder_id(parent) is not None:
                self.children(parent)
        return self._folders.get(path)

    def _data(self, identity: str) -> bytes:
        with self._turn:
            return whole(self._repo, identity)
