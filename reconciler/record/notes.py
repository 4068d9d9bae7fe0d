"""Notes as Git keeps them: a commit whose tree has, under the id of each commit with a note, the note's text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.record.plumbing import RecordError, git, line
from reconciler.source import bulk

if TYPE_CHECKING:
    from git import Repo

_NOBODY = "0" * 40


class Damaged(RecordError):
    """Something of the notes is missing or spoilt, and no later run makes it good."""


def places(repo: Repo, tip: str) -> dict[str, list[tuple[str, str]]]:
    """Where the notes of each commit are: path and blob. Git spreads them over folders as it likes, and a merge may
    leave two of one commit. Raises `Damaged`.
    """
    rows = bulk.listing(repo, tip)
    if rows is None:
        raise Damaged(f"the notes in commit {tip} cannot be read")
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if row.size is not None:
            found.setdefault(row.path.replace("/", ""), []).append((row.path, row.id))
    return found


def contents(repo: Repo, blobs: Iterable[tuple[str, str]]) -> bytes:
    """The text of one commit's notes, one after another. Raises `Damaged`."""
    ids = [identity for _, identity in blobs]
    read = bulk.contents(repo, ids) if ids else {}
    if missing := [identity for identity in ids if identity not in read]:
        raise Damaged(f"the note {missing[0]} cannot be read")
    return b"".join(read[identity] for identity in ids)


def replaced(
    repo: Repo, tip: str, commit: str, old: Iterable[tuple[str, str]], note: bytes, who: Mapping[str, str]
) -> str:
    """A new tip in which the note of `commit` is `note`; nothing points to it yet. `who` is Git's author and committer.

    The tree is made in an index of its own, which keeps all other notes as they are.
    """
    try:
        return _replaced(repo, tip, commit, old, note, who)
    except OSError as problem:  # of the folder for the index
        raise RecordError(str(problem)) from problem


def _replaced(
    repo: Repo, tip: str, commit: str, old: Iterable[tuple[str, str]], note: bytes, who: Mapping[str, str]
) -> str:
    blob = line(repo, "hash-object", "-w", "--stdin", "--no-filters", data=note)
    rows = [f"0 {_NOBODY}\t{path}" for path, _ in old] + [f"100644 {blob}\t{commit[:2]}/{commit[2:]}"]
    with tempfile.TemporaryDirectory(prefix="reconciler-notes-", ignore_cleanup_errors=True) as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(repo, "read-tree", *([tip] if tip else ["--empty"]), environment=index)
        data = "".join(f"{row}\0" for row in rows).encode()
        git(repo, "update-index", "-z", "--index-info", data=data, environment=index)
        tree = line(repo, "write-tree", environment=index)
    parent = ["-p", tip] if tip else []
    message = f"Record a run of {commit}\n".encode()
    return line(repo, "commit-tree", "--no-gpg-sign", tree, *parent, data=message, environment=who)
