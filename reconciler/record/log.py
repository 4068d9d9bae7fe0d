"""The log of a repository, read as objects, and which of its commits changed the manifest of a resource."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from reconciler import parsing
from reconciler.address import Address
from reconciler.kinds.base import Resource
from reconciler.manifest import Blob
from reconciler.record.plumbing import RecordError, git
from reconciler.source import bulk
from reconciler.source.commit import CommitTree
from reconciler.source.content import find
from reconciler.text import MOST_BYTES

if TYPE_CHECKING:
    from git import Repo


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit, as a log shows it. `time` is when it was committed (UTC, ISO 8601); `parent` the first one, or ``."""

    id: str
    parent: str
    author: str
    email: str
    time: str
    subject: str


def branch(repo: Repo, tip: str, path: str = "") -> list[str]:
    """The commits from `tip` along first parents: what a branch held, the newest first. With a `path` only those that
    changed the file or folder. Raises `RecordError` when the repository is damaged.
    """
    words = ["rev-list", "--first-parent", "--end-of-options", tip, "--", *([path] if path else [])]
    return git(repo, *words, environment={"GIT_LITERAL_PATHSPECS": "1"}).decode().split()


def commits(repo: Repo, ids: list[str]) -> list[Commit]:
    """What these commits are, in this order. Raises `RecordError`."""
    read = bulk.contents(repo, ids) if ids else {}
    if missing := [identity for identity in ids if identity not in read]:
        raise RecordError(f"commit {missing[0]} cannot be read")
    return [_commit(identity, read[identity]) for identity in ids]


def _commit(identity: str, data: bytes) -> Commit:
    head, _, message = data.decode(errors="replace").partition("\n\n")
    fields: dict[str, str] = {}
    for line in head.splitlines():
        fields.setdefault(*line.partition(" ")[::2])
    author, _, email = fields.get("author", "").rpartition("> ")[0].partition(" <")
    return Commit(
        id=identity,
        parent=fields.get("parent", ""),
        author=author,
        email=email,
        time=_time(fields.get("committer", "")),
        subject=message.strip().partition("\n")[0],
    )


def _time(committer: str) -> str:
    seconds = committer.rpartition("> ")[2].partition(" ")[0]
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (ValueError, OverflowError, OSError):  # anybody can write anything there
        return ""


def changed(repo: Repo, tip: str, most: int, path: str, address: Address) -> list[str]:
    """The commits that changed what the file at `path` declares as `address`, among the newest that changed that."""
    touched = commits(repo, branch(repo, tip, path)[:most])
    return [one.id for one in touched if _declared(repo, one.id, path, address) != _before(repo, one, path, address)]


def _before(repo: Repo, commit: Commit, path: str, address: Address) -> tuple[object, ...] | None:
    return _declared(repo, commit.parent, path, address) if commit.parent else None


def _declared(repo: Repo, commit: str, path: str, address: Address) -> tuple[object, ...] | None:
    """What a file of a commit says of a resource; None when it says nothing."""
    tree = CommitTree(repo, commit)
    entry = find(tree, path)
    if entry is None or entry.type != "file" or tree.size(entry) > MOST_BYTES:
        return None
    blob = Blob(path=path, data=tree.read(entry, MOST_BYTES), id=entry.id)
    for found in parsing.found(blob, None):
        if isinstance(found, Resource) and found.address == address:
            return found.spec, found.labels, found.origin, found.broken
    return None
