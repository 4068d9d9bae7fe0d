"""What a change from one tree to another touches: files, and what they declare before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from reconciler import parsing
from reconciler.address import Address
from reconciler.authority.commits import Commit, read
from reconciler.authority.differing import Changed, differing, too_much
from reconciler.diagnostic import Place
from reconciler.kinds.base import Resource
from reconciler.manifest import MOST_TOTAL_BYTES
from reconciler.parsing import Memory
from reconciler.source import StoredFile
from reconciler.source.commit import CommitTree
from reconciler.source.content import Entry, printable
from reconciler.source.listing import SUFFIXES
from reconciler.text import MOST_BYTES

if TYPE_CHECKING:
    from git import Repo

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git knows it in every repository."""
_ENCODE = msgspec.msgpack.Encoder(order="deterministic").encode


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs between two trees: the blobs with what it declares; `` where it declares nothing."""

    path: str
    before: str = ""
    after: str = ""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as one file declares it; `meaning` is all of it that counts, so that two can be compared."""

    address: Address
    origin: Address
    path: str
    meaning: bytes
    place: Place

    @property
    def same(self) -> tuple[object, ...]:
        """What has to be equal for it to be unchanged, wherever in the file it stands."""
        return self.address, self.origin, self.path, self.meaning


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two trees: files, and the declarations that are gone, new or different."""

    files: tuple[File, ...]
    before: tuple[Declaration, ...]
    after: tuple[Declaration, ...]


class Differences:
    """The differences of several pairs of trees, in a folder of a repository. What they cost follows what differs."""

    def __init__(self, repo: Repo, tip: str, folder: str, memory: Memory | None) -> None:
        self._repo, self._folder, self._memory = repo, folder, memory
        self._content = CommitTree(repo, tip)
        self._found: dict[tuple[str, str], tuple[Declaration, ...]] = {}

    def of(self, pairs: Sequence[tuple[str, str]]) -> list[Difference]:
        """Each pair's difference. Raises `Untrusted` when it cannot be told."""
        changed = differing(self._repo, pairs, self._folder)
        rows = [[_file(each, self._folder) for each in files] for files in changed]
        self._read((file.path, blob) for files in rows for file in files for blob in (file.before, file.after) if blob)
        return [self._difference(files) for files in rows]

    def _read(self, blobs: Iterable[tuple[str, str]]) -> None:
        """Understand these files, each once; what is too large for a manifest is none."""
        new = [Entry(path=path, type="file", id=blob) for path, blob in sorted(set(blobs) - self._found.keys())]
        sizes = {entry.id: self._content.size(entry) for entry in new}
        if sum(sizes.values()) > MOST_TOTAL_BYTES:
            raise too_much(f"manifests of more than {MOST_TOTAL_BYTES >> 20} MiB change")
        small = [entry for entry in new if sizes[entry.id] <= MOST_BYTES]
        unknown = (each for each in small if self._memory is None or not parsing.known(each.id, self._memory))
        self._content.fetch(unknown)
        for entry in small:
            found = parsing.found(StoredFile(self._content, entry), self._memory)
            declared = (_declaration(each) for each in found if isinstance(each, Resource))
            self._found[entry.path, entry.id] = tuple(declared)

    def _difference(self, files: Sequence[File]) -> Difference:
        before = self._declared((file.path, file.before) for file in files)
        after = self._declared((file.path, file.after) for file in files)
        same = [key for key in before.keys() | after.keys() if len(before.get(key, ())) == len(after.get(key, ()))]
        return Difference(files=tuple(files), before=_without(before, same), after=_without(after, same))

    def _declared(self, blobs: Iterable[tuple[str, str]]) -> dict[object, list[Declaration]]:
        found: dict[object, list[Declaration]] = {}
        for blob in blobs:
            for each in self._found.get(blob, ()):
                found.setdefault(each.same, []).append(each)
        return found


def _without(declared: Mapping[object, list[Declaration]], same: Iterable[object]) -> tuple[Declaration, ...]:
    left = declared.keys() - set(same)
    return tuple(sorted((each for key in left for each in declared[key]), key=lambda each: each.place))


def _declaration(resource: Resource) -> Declaration:
    return Declaration(
        address=resource.address,
        origin=resource.origin,
        path=resource.place.path,
        meaning=_ENCODE((resource.spec, resource.labels, resource.broken)),
        place=msgspec.structs.replace(resource.place, path=printable(resource.place.path)),
    )


def changed_files(repo: Repo, before: str, after: Commit, folder: str) -> list[str]:
    """The files below a folder that differ between two commits. Raises `Untrusted` when it cannot be told."""
    (files,) = differing(repo, [(read(repo, [before])[0].tree, after.tree)], folder)
    return [file.path for file in files]


def _file(changed: Changed, folder: str) -> File:
    manifest = is_manifest(changed.path, folder)
    before, after = (changed.before, changed.after) if manifest else ("", "")
    return File(path=changed.path, before=before, after=after)


def is_manifest(path: str, folder: str) -> bool:
    """Whether a file in a fleet's folder is read as manifests, as far as its name tells."""
    names = path.removeprefix(f"{folder}/" if folder else "").split("/")
    return path.endswith(SUFFIXES) and not any(name.startswith(".") for name in names)
