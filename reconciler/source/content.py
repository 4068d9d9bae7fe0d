"""What files look like, wherever they are: the rules of reading them, apart from how they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO, Literal, Protocol

import msgspec

from reconciler.diagnostic import DiagnosticError, Place, error
from reconciler.text import FORBIDDEN

EntryType = Literal["file", "folder", "link", "module", "other"]
_ESCAPES = re.compile(r"[\\\x00-\x1f\x7f]")


class SourceError(DiagnosticError):
    """There is nothing to read: no repository, no such revision or folder, or it is damaged or beyond all bounds."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One name in a folder.

    `path` is relative to the repository's root; bytes that are no UTF-8 are surrogates in it. `module` is a submodule
    or a repository in the repository. `target` is a link's, as it is written.
    """

    path: str
    type: EntryType
    id: str = ""
    target: str = ""

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]


class Content(Protocol):
    """The files of one commit or of the work tree. Links are never followed; raises `SourceError` when damaged."""

    def children(self, folder: str) -> Mapping[str, Entry]:
        """What a folder holds, by name and in order; nothing when it is no folder. It is listed once, and the same
        is told again.
        """

    def prepare(self, folder: str) -> None:
        """All of a folder is about to be asked for."""

    def fetch(self, entries: Iterable[Entry]) -> None:
        """These files are about to be read, each once."""

    def size(self, entry: Entry) -> int:
        """The size of a file in bytes."""

    def blob_id(self, entry: Entry) -> str:
        """The id that Git gives to the content of a file: 40 hex digits."""

    def read(self, entry: Entry, most: int) -> bytes:
        """A whole file; raises `SourceError` when it has more bytes than that."""

    def copy(self, entry: Entry, target: BinaryIO) -> None:
        """Write a whole file to `target`."""


def by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Entries of one folder by their names, in order."""
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.path)}


def too_large(entry: Entry, most: int) -> SourceError:
    """A file has more bytes than may be read of it; never read in part, which could be taken for the whole."""
    detail = f"It has more than {most:,} bytes."
    return SourceError(error("file-too-large", "file is too large", detail, Place(printable(entry.path))))


def find(content: Content, path: str) -> Entry | None:
    """The entry at a normal path, with no link on the way; None when there is none."""
    folder, _, name = path.rpartition("/")
    if folder and ((holder := find(content, folder)) is None or holder.type != "folder"):
        return None
    return content.children(folder).get(name)


def normal(path: str) -> str | None:
    """A relative POSIX path in normal form (`` for the root), or None for one that is refused.

    Refused are absolute paths, `..`, backslashes and control characters: what is named must lie where it seems to.
    So is Git's own folder, which is in a work tree and in no commit.
    """
    if path.startswith("/") or _ESCAPES.search(path):
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return None if any(part == ".." or part.casefold() == ".git" for part in parts) else "/".join(parts)


def printable(path: str) -> str:
    """A path that can be shown and encoded; bytes and characters that cannot be are written out."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return FORBIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text.replace("\n", "\\n"))
