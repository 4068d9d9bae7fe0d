"""Where the desired state is read: the objects of one commit, or the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reconciler.diagnostic import Diagnostic, error
from reconciler.manifest import Blob
from reconciler.parsing import File
from reconciler.plan import Source
from reconciler.source.commit import CommitTree
from reconciler.source.content import Content, Entry, SourceError, find, normal, printable
from reconciler.source.ignored import ignored
from reconciler.source.listing import listing
from reconciler.source.revision import head, resolve
from reconciler.source.worktree import WorkTree, blob_id
from reconciler.text import MOST_BYTES

if TYPE_CHECKING:
    from git import Repo

__all__ = ["SourceError", "StoredFile", "Tree", "open_repository", "open_source"]

MOST_NAMED_BYTES = 1 << 20
"""A key or user data has a few kilobytes; a file that a manifest names may hold 1 MiB."""

_ENVIRONMENT = {
    # Objects are read and nothing else: no configuration but the repository's own, no replaced objects, and nothing
    # fetched behind our back from the remote of a partial clone.
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class StoredFile:
    """A manifest file in a commit, whose data is fetched when it is asked for."""

    def __init__(self, content: Content, entry: Entry) -> None:
        self.path, self.id = entry.path, entry.id
        self._content, self._entry = content, entry

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._content.size(self._entry)

    @cached_property
    def data(self) -> bytes:
        """Its content."""
        return self._content.read(self._entry, MOST_BYTES)


class Tree:
    """The files of a fleet. `source` says of what; `diagnostics` say which files could not be read as manifests.

    All paths are relative to the repository's root, also when the fleet is in a folder of it.
    """

    def __init__(self, repo: Repo, content: Content, source: Source, folder: str) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic]
        self._repo, self._content, self._folder = repo, content, folder
        self._named: set[str] = set()
        self._manifests, self.diagnostics = listing(content, folder)

    @property
    def repository(self) -> Repo:
        """What the tree was read from."""
        return self._repo

    @property
    def folder(self) -> str:
        """The folder of the repository that is the fleet; empty for all of it."""
        return self._folder

    def blobs(self, known: Callable[[str], bool] = lambda identity: False) -> Iterator[File]:
        """The manifest files, in order of path. Those whose content is `known` by its blob id are hardly asked for
        their data, which is fetched when it is.
        """
        self._content.fetch(entry for entry in self._manifests if not known(entry.id))
        for entry in self._manifests:
            yield StoredFile(self._content, entry) if entry.id else self._read(entry)

    def _read(self, entry: Entry) -> Blob:
        """A file that has no id before it is read: what is read twice could be two different things."""
        data = self._content.read(entry, MOST_BYTES)
        return Blob(path=entry.path, data=data, id=blob_id(data))

    def read_file(self, path: str) -> bytes | None:
        """A file that a manifest names; None when there is none that may be read (it must be a plain file in the
        fleet's folder, reached without links or `..`, of 1 MiB at most).
        """
        self._named.add(path)
        entry = self._file(path)
        if entry is None or self._content.size(entry) > MOST_NAMED_BYTES:
            return None
        return self._content.read(entry, MOST_NAMED_BYTES)

    def named(self) -> list[str]:
        """The files that were read because manifests name them."""
        return sorted(self._named)

    def blob_ids(self, paths: Iterable[str]) -> dict[str, str]:
        """The blob id of each of these files as it is here; empty where none may be read."""
        entries = {path: self._file(path) for path in paths}
        return {path: self._content.blob_id(entry) if entry else "" for path, entry in entries.items()}

    def copy_file(self, path: str, target: BinaryIO) -> bool:
        """Write a file of any size, named relative to the fleet's folder, to `target`; False when there is none."""
        entry = self._file(self._in_folder(path))
        if entry is not None:
            self._content.copy(entry, target)
        return entry is not None

    @cached_property
    def differs(self) -> list[str]:
        """The manifest files of the work tree that are not as in HEAD: changed, not committed, or gone."""
        root, commit = self._repo.working_tree_dir, head(self._repo)
        if root is None:
            return []
        here = _blob_ids(WorkTree(Path(root), ignored(self._repo)), self._folder)
        there = _blob_ids(CommitTree(self._repo, commit), self._folder) if commit else {}
        return sorted(printable(path) for path in here.keys() | there.keys() if here.get(path) != there.get(path))

    def named_differ(self, files: Iterable[str]) -> list[str]:
        """Of the files that manifests were seen to name, and of `files` (named relative to the fleet's folder), those
        that the work tree does not have as HEAD does.
        """
        root, commit = self._repo.working_tree_dir, head(self._repo)
        if root is None or commit is None:
            return []
        here, there = WorkTree(Path(root), ignored(self._repo)), CommitTree(self._repo, commit)
        paths = {normal(path) for path in [*self._named, *map(self._in_folder, files)]}
        return sorted(printable(path) for path in paths if path and not _same(path, here, there))

    def _in_folder(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder and normal(path) else path

    def _file(self, path: str) -> Entry | None:
        clean = normal(path)
        if not clean or not f"{clean}/".startswith(f"{self._folder}/" if self._folder else ""):
            return None
        entry = find(self._content, clean)
        return entry if entry is not None and entry.type == "file" else None


def open_source(repo: Path, *, rev: str | None, path: str = "") -> Tree:
    """The files below the folder `path` of a repository: of a revision, or of the work tree when `rev` is None.

    Raises `SourceError` when there is no such repository, revision or folder, when it is damaged or too large.
    """
    opened = open_repository(repo)
    folder = normal(path)
    if folder is None:
        detail = f"{printable(path)!r} leaves the repository. Write it relative to the repository's root."
        raise SourceError(error("no-folder", "folder cannot be used", detail))
    content, source = _content(opened, repo, rev)
    if folder and ((entry := find(content, folder)) is None or entry.type != "folder"):
        where = "the work tree" if source.work_tree else f"commit {source.commit[:12]}"
        detail = f"There is no folder {printable(folder)!r} in {where}. Nothing is deleted for that; correct --path."
        raise SourceError(error("no-folder", "folder does not exist", detail))
    return Tree(opened, content, source, folder)


def _content(opened: Repo, repo: Path, rev: str | None) -> tuple[Content, Source]:
    if rev is not None:
        commit = resolve(opened, rev)
        return CommitTree(opened, commit), Source(commit=commit)
    if opened.working_tree_dir is None:
        detail = f"{printable(str(repo))} is bare. Name a revision: --rev main."
        raise SourceError(error("no-work-tree", "repository has no work tree", detail))
    return WorkTree(Path(opened.working_tree_dir), ignored(opened)), Source(commit=head(opened) or "", work_tree=True)


def open_repository(path: Path) -> Repo:
    """A repository whose objects are read, with an environment in which Git does just that. Raises `SourceError`."""
    # GitPython looks for the program when it is imported; without one it is to fail when it is used.
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        repo = Repo(path, expand_vars=False)
    except (InvalidGitRepositoryError, NoSuchPathError) as problem:
        raise _not_a_repository(path) from problem
    repo.git.update_environment(**_ENVIRONMENT, GIT_DIR=os.fspath(repo.git_dir))
    return repo


def _not_a_repository(path: Path) -> SourceError:
    shown = printable(str(path))
    detail = f"{shown!r} is none. Make one with `git init` or `reconciler init`, or name another with --repo."
    with suppress(StopIteration):
        outer = next(parent for parent in path.absolute().parents if (parent / ".git").exists())
        inner = printable(str(path.absolute().relative_to(outer)))
        detail = f"{shown!r} is a folder of one. Write: --repo {printable(str(outer))} --path {inner}"
    return SourceError(error("no-repository", "not a Git repository", detail))


def _blob_ids(content: Content, folder: str) -> dict[str, str]:
    return {entry.path: content.blob_id(entry) for entry in listing(content, folder)[0]}


def _same(path: str, here: Content, there: Content) -> bool:
    """Whether two places have the same file there, or none; files of different sizes are not read."""
    one, other = ((content, find(content, path)) for content in (here, there))
    if one[1] is None or other[1] is None:
        return one[1] is other[1]
    if one[1].type != "file" or other[1].type != "file":
        return one[1].type == other[1].type
    return here.size(one[1]) == there.size(other[1]) and here.blob_id(one[1]) == there.blob_id(other[1])
