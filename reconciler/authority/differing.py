"""Which files differ between trees, told by their objects alone.

`git diff-tree` finds no difference where somebody made trees that Git itself does not make, and goes through as many
files as a hostile one stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from reconciler.authority.commits import objects, unjudgeable
from reconciler.diagnostic import Untrusted, error
from reconciler.source import bulk, trees
from reconciler.source.content import SourceError
from reconciler.source.revision import typed, whole
from reconciler.source.trees import FOLDER, PLAIN, Entry

if TYPE_CHECKING:
    from git import Repo

MOST_FILES = 100_000
"""Files that change from what was applied to what is to be; one is counted as often as it changes."""
MOST_BYTES = 256 << 20
"""Of all trees that are gone through."""
_DEEPEST = 256
_FEW = 16
"""Trees that are asked for one by one; more are had at once."""
_NOTHING: Mapping[bytes, Entry] = {}


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A path whose file differs between two trees: the blobs of plain files; `` where there is none."""

    path: str
    before: str = ""
    after: str = ""


class _Pair(msgspec.Struct, frozen=True):
    """A folder of the trees number `of`: its path, and its two trees; `` where there is none."""

    of: int
    path: bytes
    before: str
    after: str


def differing(repo: Repo, pairs: Sequence[tuple[str, str]], folder: str) -> list[list[Changed]]:
    """The files below a folder that differ in each pair of trees, in order of path. Raises `Untrusted`."""
    return _Walk(repo, folder).found([_Pair(number, b"", *pair) for number, pair in enumerate(pairs)])


class _Walk:
    """Goes down from folder to folder where both sides differ, all pairs of one depth at once."""

    def __init__(self, repo: Repo, folder: str) -> None:
        self._repo = repo
        self._below = folder.encode("utf-8", "surrogateescape").split(b"/") if folder else []
        self._trees: dict[str, Mapping[bytes, Entry]] = {}
        self._seen = self._bytes = 0

    def found(self, pairs: Sequence[_Pair]) -> list[list[Changed]]:
        """What differs, by pair."""
        found: list[list[Changed]] = [[] for _ in pairs]
        level = [pair for pair in pairs if pair.before != pair.after]
        for depth in range(_DEEPEST):
            deeper: list[_Pair] = []
            self._trees = self._read({each for pair in level for each in (pair.before, pair.after) if each})
            for pair in level:
                for each in self._of(pair, depth):
                    self._count()
                    if isinstance(each, _Pair):
                        deeper.append(each)
                    else:
                        found[pair.of].append(each)
            level = deeper
            if not level:
                return [sorted(files, key=lambda file: file.path) for files in found]
        raise too_much(f"folders deeper than {_DEEPEST} change")

    def _count(self) -> None:
        """A few hundred bytes of trees can stand for any number of files."""
        self._seen += 1
        if self._seen > MOST_FILES:
            raise too_much(f"more than {MOST_FILES:,} files change")

    def _of(self, pair: _Pair, depth: int) -> Iterator[_Pair | Changed]:
        """What differs directly in a folder: files, and folders to go on with."""
        before, after = (self._trees[each] if each else _NOTHING for each in (pair.before, pair.after))
        names: Iterable[bytes] = before.keys() | after.keys()
        if depth < len(self._below):
            names = {self._below[depth]} & set(names)
        for name in names:
            one, other = before.get(name), after.get(name)
            if one == other:
                continue
            path = b"%s/%s" % (pair.path, name) if pair.path else name
            folders = _id(one, FOLDER), _id(other, FOLDER)
            if folders[0] != folders[1]:
                yield _Pair(pair.of, path, *folders)
            if depth >= len(self._below) and any(each and each.sort != FOLDER for each in (one, other)):
                shown = path.decode("utf-8", "surrogateescape")
                yield Changed(path=shown, before=_id(one, PLAIN), after=_id(other, PLAIN))

    def _read(self, ids: set[str]) -> dict[str, Mapping[bytes, Entry]]:
        found: dict[str, Mapping[bytes, Entry]] = {}
        for identity, data in _contents(self._repo, ids):
            self._bytes += len(data)
            if self._bytes > MOST_BYTES:
                raise too_much(f"folders of more than {MOST_BYTES >> 20} MiB change")
            try:
                found[identity] = {each.name: each for each in trees.entries(data)}
            except ValueError as problem:
                raise _unread(identity, str(problem)) from problem
        return found


def _contents(repo: Repo, ids: set[str]) -> Iterator[tuple[str, bytes]]:
    """These trees, each read when it is asked for, or all at once if there are many."""
    try:
        if len(ids) > _FEW:
            yield from _at_once(repo, ids)
            return
        for identity in sorted(ids):
            if typed(repo, identity) != b"tree":
                raise _unread(identity, "it is none")
            yield identity, whole(repo, identity)
    except SourceError as problem:
        raise unjudgeable(f"{problem}") from problem


def _at_once(repo: Repo, ids: set[str]) -> Iterator[tuple[str, bytes]]:
    """Of each what it is and how large first: all of them are held in memory."""
    total = 0
    for identity, kind, size in objects(repo, ids):
        total += size
        if kind != "tree" or total > MOST_BYTES:
            raise _unread(identity, "it is none, or too large")
    found = bulk.contents(repo, ids)
    for identity in sorted(ids):
        if identity not in found:
            raise _unread(identity, "it is missing")
        yield identity, found[identity]


def _unread(identity: str, why: str) -> Untrusted:
    return unjudgeable(f"The tree {identity} cannot be read: {why}; `git fsck` tells more.")


def _id(entry: Entry | None, sort: int) -> str:
    return entry.id if entry and entry.sort == sort else ""


def too_much(what: str) -> Untrusted:
    """More differs than is looked at."""
    detail = f"Since what was applied {what}. Apply an earlier commit first (--rev), or bring less at once."
    return Untrusted(error("too-much-to-judge", "too much changes at once", detail))
