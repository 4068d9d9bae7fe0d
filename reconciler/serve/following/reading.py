"""References and ancestry of a repository, read exactly: a name means what it says, and nothing else that exists."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.record.plumbing import RecordError, git
from reconciler.source import SourceError, open_repository

if TYPE_CHECKING:
    from git import Repo

_FORMAT = "--format=%(objectname) %(objecttype) %(refname)"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PLAIN = {"GIT_GRAFT_FILE": "/dev/null"}
"""A file in a repository may say that commits have other parents than they have."""


def exact(repo: Repo, name: str) -> tuple[str, str] | None:
    """The object that a reference of exactly this name points to, and its type; None when there is none.

    `git rev-parse` would go on to look for a tag or a branch that has the whole name for its own, such as
    `refs/heads/refs/heads/main`, which whoever may push can make. Raises `RecordError` when it cannot be read.
    """
    for row in git(repo, "for-each-ref", _FORMAT, name).decode(errors="replace").splitlines():
        identity, kind, found = row.split(" ", 2)
        if found == name:
            return identity, kind
    return None


def comes_after(repo: Repo, before: str, tip: str) -> bool:
    """Whether `before` is `tip` or one of its ancestors; False also where a missing object leaves it open."""
    try:
        git(repo, "-c", "core.commitGraph=false", "merge-base", "--is-ancestor", before, tip, environment=_PLAIN)
    except RecordError:
        return False
    return True


def beyond(repo: Repo, commits: Collection[str], tip: str) -> set[str]:
    """Those of these commits that are neither `tip` nor one of its ancestors; all of them where there is no `tip`. What
    is no commit of this repository is none of them. Raises `RecordError`.
    """
    named = sorted(each for each in commits if each != tip and _COMMIT.fullmatch(each))
    if not named or not tip:
        return set(named)
    words = ("-c", "core.commitGraph=false", "rev-list", "--ignore-missing", "--stdin")
    asked = "".join(f"{each}\n" for each in (*named, f"^{tip}"))
    return set(git(repo, *words, data=asked.encode(), environment=_PLAIN).decode().split()) & set(named)


def rewound(repository: Path, before: str, tip: str) -> bool:
    """Whether `tip` does not come after `before`, or that cannot be told."""
    try:
        return bool(before) and not comes_after(open_repository(repository), before, tip)
    except SourceError:
        return True
