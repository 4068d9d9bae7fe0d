"""What a change from one tree to another touches: files, and what they declare before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from reconciler import parsing
from reconciler.address import Address
from reconciler.authority.commits import Commit, read, unjudgeable
from reconciler.diagnostic import Place, Untrusted, error
from reconciler.kinds.base import Resource
from reconciler.limited import MIB, Limits
from reconciler.manifest import MOST_TOTAL_BYTES
from reconciler.parsing import Memory
from reconciler.record.plumbing import RecordError, bounded, git
from reconciler.source import StoredFile
from reconciler.source.commit import CommitTree
from reconciler.source.content import Entry, printable
from reconciler.source.listing import SUFFIXES
from reconciler.text import MOST_BYTES

if TYPE_CHECKING:
    from git import Repo

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git knows it in every repository."""
MOST_FILES = 100_000
"""Files that change from what was applied to what is to be; one is counted as often as it changes."""
_LIMITS = Limits(seconds=30, cpu=30, memory=1024 * MIB, file=MIB)
"""For Git, which keeps all files that differ between two trees in memory before it tells the first one."""
_PLAIN = "100"
"""How the modes of plain files begin."""
_LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
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
        rows = _changed(self._repo, pairs, self._folder)
        if sum(map(len, rows)) > MOST_FILES:
            raise _too_much(f"more than {MOST_FILES:,} files change")
        self._read((file.path, blob) for files in rows for file in files for blob in (file.before, file.after) if blob)
        return [self._difference(files) for files in rows]

    def _read(self, blobs: Iterable[tuple[str, str]]) -> None:
        """Understand these files, each once; what is too large for a manifest is none."""
        new = [Entry(path=path, type="file", id=blob) for path, blob in sorted(set(blobs) - self._found.keys())]
        sizes = {entry.id: self._content.size(entry) for entry in new}
        if sum(sizes.values()) > MOST_TOTAL_BYTES:
            raise _too_much(f"manifests of more than {MOST_TOTAL_BYTES >> 20} MiB change")
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
    (files,) = _changed(repo, [(read(repo, [before])[0].tree, after.tree)], folder)
    return [file.path for file in files]


def _changed(repo: Repo, pairs: Sequence[tuple[str, str]], folder: str) -> list[list[File]]:
    """The files below a folder that differ in each pair of trees, in order of path."""
    different = [pair for pair in pairs if pair[0] != pair[1]]
    try:
        _readable(repo, {tree for pair in different for tree in pair})
        asked = "".join(f"{before} {after}\n" for before, after in different)
        options = ("-r", "-z", "--no-renames", "--no-abbrev", "--no-relative", "--ignore-submodules=none")
        where = ["--", folder] if folder else ["--"]
        words = ("diff-tree", *options, "-O/dev/null", "--stdin", *where)
        answer = bounded(repo, _LIMITS, *words, data=asked.encode(), environment=_LITERAL)
    except RecordError as problem:
        raise unjudgeable(f"Which files change cannot be told: {problem}. Is there a folder of very many?") from problem
    found = dict(_answers(answer, folder))
    return [sorted(found[pair], key=lambda file: file.path) if pair in different else [] for pair in pairs]


def _readable(repo: Repo, trees: Iterable[str]) -> None:
    """Of a tree that is missing Git would tell no difference."""
    asked = sorted({*trees} - {EMPTY_TREE})
    rows = git(repo, "cat-file", "--batch-check", data="".join(f"{tree}\n" for tree in asked).encode())
    found = {row.split(b" ")[0].decode() for row in rows.splitlines() if row.split(b" ")[1:2] == [b"tree"]}
    if missing := next((tree for tree in asked if tree not in found), None):
        raise unjudgeable(f"The tree {missing} cannot be read; `git fsck` tells more.")


def _answers(answer: bytes, folder: str) -> Iterator[tuple[tuple[str, str], list[File]]]:
    """Each pair of an answer: a line with both trees, and for each file `:MODE MODE BLOB BLOB STATUS`, and its path."""
    files, rest = list[File](), answer
    while rest:
        if not rest.startswith(b":"):
            head, _, rest = rest.partition(b"\n")
            before, _, after = head.decode("ascii").partition(" ")
            files = []
            yield (before, after), files
            continue
        row, path, rest = rest.split(b"\0", 2)
        files.append(_file(row.decode("ascii"), path.decode("utf-8", "surrogateescape"), folder))


def _file(row: str, path: str, folder: str) -> File:
    old_mode, mode, old, new, _ = row.removeprefix(":").split(" ")
    manifest = is_manifest(path, folder)
    return File(
        path=path,
        before=old if manifest and old_mode.startswith(_PLAIN) else "",
        after=new if manifest and mode.startswith(_PLAIN) else "",
    )


def is_manifest(path: str, folder: str) -> bool:
    """Whether a file in a fleet's folder is read as manifests, as far as its name tells."""
    names = path.removeprefix(f"{folder}/" if folder else "").split("/")
    return path.endswith(SUFFIXES) and not any(name.startswith(".") for name in names)


def _too_much(what: str) -> Untrusted:
    detail = f"Since what was applied {what}. Apply an earlier commit first (--rev), or bring less at once."
    return Untrusted(error("too-much-to-judge", "too much changes at once", detail))
