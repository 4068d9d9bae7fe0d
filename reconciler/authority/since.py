"""Which commits a tip brings: those that come after what was applied, along the branch and beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reconciler import record
from reconciler.authority.commits import Commit, read, unjudgeable
from reconciler.diagnostic import Untrusted, error
from reconciler.record.plumbing import RecordError, git
from reconciler.source import bulk

if TYPE_CHECKING:
    from git import Repo

MOST_COMMITS = 5_000
"""More at once are not judged: nobody reviews them either."""
_OWN_ORDER = {"GIT_GRAFT_FILE": "/dev/null"}
"""What comes after what is told by the commits themselves. A local file could say otherwise."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The commits of a branch along first parents, oldest first, that come after what was applied.

    `start` is the commit before them; empty when they begin with the first one of all. `joined`: the line continues
    what is in force, rather than to have parted from it earlier. `complete`: none was left out.
    """

    commits: tuple[Commit, ...]
    start: str
    joined: bool
    complete: bool


def line(repo: Repo, tip: str, known: Collection[str], in_force: str) -> Line:
    """The line of `tip` after those commits, one of which is in force. Raises `Untrusted` when the history is not all
    there.
    """
    ids = _listed(repo, tip, known, "--first-parent")
    complete = len(ids) <= MOST_COMMITS
    commits = read(repo, ids[:MOST_COMMITS])
    for commit, parent in zip(commits, ids[1:], strict=False):
        if commit.parents[:1] != (parent,):
            raise _cut(repo, commit)
    start = commits[-1].parents[0] if commits and commits[-1].parents else ""
    if complete and start and not _covered(repo, [start], known):
        raise _cut(repo, commits[-1])
    return Line(commits=tuple(reversed(commits)), start=start, joined=start == in_force, complete=complete)


def shortened(whole: Line, settled: Collection[str]) -> Line:
    """The part of a line that comes after the last of some of its commits. It is no more joined than all of it."""
    for index in range(len(whole.commits) - 1, -1, -1):
        if whole.commits[index].id in settled:
            start, rest = whole.commits[index].id, whole.commits[index + 1 :]
            return msgspec.structs.replace(whole, commits=rest, start=start, complete=True)
    return whole


def every(repo: Repo, tip: str, known: Collection[str]) -> list[Commit]:
    """All commits that `tip` brings, also those of branches that were merged, the newest first. Raises `Untrusted`."""
    ids = _listed(repo, tip, known, "--topo-order")
    if len(ids) > MOST_COMMITS:
        raise too_many(known)
    commits = read(repo, ids)
    listed = set(ids)
    outside = {parent for commit in commits for parent in commit.parents if parent not in listed}
    if not _covered(repo, sorted(outside), known):
        raise _cut(repo, commits[-1])
    return commits


def present(repo: Repo, ids: Collection[str]) -> frozenset[str]:
    """Those of these commits that the repository has."""
    found = bulk.contents(repo, ids) if ids else {}
    return frozenset(each for each, data in found.items() if data.startswith(b"tree "))


def _listed(repo: Repo, tip: str, known: Collection[str], *options: str) -> list[str]:
    try:
        return _rev_list(repo, f"--max-count={MOST_COMMITS + 1}", *options, tip, *_without(known))
    except RecordError as problem:
        raise unjudgeable(f"{problem}.") from problem


def _covered(repo: Repo, commits: Sequence[str], known: Collection[str]) -> bool:
    """Whether these commits are among those known, or before them. A clone that is not whole, or grafted, ends where
    other commits should follow: those are not covered.
    """
    rest = [each for each in commits if each not in known]
    if not rest or not known:
        return not rest
    try:
        return not _rev_list(repo, "--max-count=1", *rest, *_without(known))
    except RecordError:  # one is missing
        return False


def _rev_list(repo: Repo, *words: str) -> list[str]:
    return git(repo, "-c", "core.commitGraph=false", "rev-list", *words, "--", environment=_OWN_ORDER).decode().split()


def _without(known: Collection[str]) -> list[str]:
    return [f"^{each}" for each in sorted(known)]


def applied(repo: Repo, fleet_id: str) -> str:
    """The applied commit; empty when none is recorded. Raises `Untrusted` when the record cannot be read."""
    try:
        return record.applied(repo, fleet_id)
    except RecordError as problem:
        raise _unread(problem) from problem


def settled(repo: Repo, fleet_id: str, commits: Sequence[Commit]) -> set[str]:
    """Which of these commits a run without failures has put into force, as the record says, also when another one was
    applied since. Raises `Untrusted` when the record cannot be read.
    """
    try:
        runs = record.records(repo, fleet_id, [each.id for each in commits]).runs
    except RecordError as problem:
        raise _unread(problem) from problem
    return {commit for commit, found in runs.items() if any(run.clean for run in found)}


def _unread(problem: RecordError) -> Untrusted:
    return unjudgeable(f"What was applied is recorded in Git, and cannot be read: {problem}.")


def _cut(repo: Repo, commit: Commit) -> Untrusted:
    if (Path(repo.common_dir) / "shallow").exists():
        return unjudgeable("This clone is shallow, so that not all commits can be seen. Run: git fetch --unshallow")
    return unjudgeable(f"What comes before {commit.name} cannot be told; `git fsck` tells more.")


def too_many(known: Collection[str]) -> Untrusted:
    """More commits than are judged at once."""
    since = "since what was applied" if known else "and none was applied yet"
    detail = (
        f"There are more than {MOST_COMMITS:,} {since}. Apply some of them first (--rev), or name the commit up to "
        "which all are believed as `baseline` in the trusted configuration."
    )
    return Untrusted(error("too-many-commits", "too many commits to judge", detail))
