"""What was applied, recorded in Git: a reference to the applied commit, and a note per commit with its runs.

Nothing depends on it but what people are told: lose these references, and history is lost and nothing else.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from reconciler.record import notes
from reconciler.record.notes import Damaged
from reconciler.record.plumbing import RecordError, git, reference
from reconciler.record.run import Done, Run, read, run_of, written
from reconciler.whoever import whoever

if TYPE_CHECKING:
    from git import Repo

__all__ = ["Done", "Record", "RecordError", "Run", "applied", "now", "records", "run_of", "whoever", "write"]

PATIENCE = 10.0
"""Seconds during which other writers are let through."""
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_PAUSE = 0.1
_NONE = "0" * 40
_HELD = "File exists"
"""What Git says of a reference that another writer is about to move."""


class Record(msgspec.Struct, frozen=True):
    """All that is recorded of a fleet: the applied commit (empty: none) and the runs of each commit, oldest first."""

    applied: str
    runs: dict[str, list[Run]]


def applied_name(fleet_id: str) -> str:
    """The reference to the applied commit."""
    return f"refs/reconciler/{fleet_id}/applied"


def notes_name(fleet_id: str) -> str:
    """The reference to the notes."""
    return f"refs/notes/reconciler/{fleet_id}"


def now() -> str:
    """This moment, as it is recorded."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def applied(repo: Repo, fleet_id: str) -> str:
    """The commit of the latest run that was whole, on completely seen hosts, and had no failed step; empty: none.
    Raises `RecordError`.
    """
    return reference(repo, applied_name(fleet_id))


def records(repo: Repo, fleet_id: str, commits: Iterable[str] | None = None) -> Record:
    """What is recorded, of these commits or of all. Raises `RecordError` when there is one that cannot be read."""
    tip = reference(repo, notes_name(fleet_id))
    with _remedied(fleet_id):
        places = notes.places(repo, tip) if tip else {}
        asked = places.keys() if commits is None else places.keys() & set(commits)
        runs = {commit: read(notes.contents(repo, places[commit])) for commit in asked}
    return Record(applied=applied(repo, fleet_id), runs=runs)


def write(repo: Repo, commit: str, run: Run, patience: float = PATIENCE) -> None:
    """Record a run of a commit; after a clean one that is the applied commit. Raises `RecordError`.

    A run that had nothing to do and tells nothing new is not recorded. Both references move at once or not at all, and
    only on from what was read, so that no other writer's note is lost. What a killed writer leaves is objects that
    nothing points to, which Git removes in time.
    """
    end = time.monotonic() + patience
    while True:
        tip = reference(repo, notes_name(run.fleet_id))
        with _remedied(run.fleet_id):
            old = notes.places(repo, tip).get(commit, []) if tip else []
            known = read(notes.contents(repo, old))
        if not run.steps and known and (not run.clean or applied(repo, run.fleet_id) == commit):
            return
        new = notes.replaced(repo, tip, commit, old, written([*known, run]), _signed(run))
        try:
            _move(repo, run, commit, tip, new)
            return
        except RecordError as problem:
            overtaken = reference(repo, notes_name(run.fleet_id)) != tip
            if time.monotonic() > end or not (overtaken or _HELD in str(problem)):
                raise
            time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 - no secret hangs on it


@contextmanager
def _remedied(fleet_id: str) -> Iterator[None]:
    """What is damaged stays so until somebody acts: say how."""
    try:
        yield
    except Damaged as problem:
        name = notes_name(fleet_id)
        raise RecordError(
            f"{problem}. Forget the notes: git update-ref -d {name}\nThen, where another clone has them, fetch them "
            f"from there: git fetch CLONE {name}:{name}\nElse what `reconciler history` tells of earlier runs is lost, "
            "and that consent given in commits was spent by a run whose commit was taken back since; hosts and the "
            "applied commit stay"
        ) from problem


def _move(repo: Repo, run: Run, commit: str, tip: str, new: str) -> None:
    moves = [(notes_name(run.fleet_id), new, tip or _NONE)]
    if run.clean:
        moves.append((applied_name(run.fleet_id), commit, ""))
    # A reference of ours that somebody made a name for a branch is replaced; the branch is not touched.
    told = "".join(f"option no-deref\0update {name}\0{target}\0{before}\0" for name, target, before in moves)
    git(repo, "update-ref", "-z", "--stdin", data=told.encode())


def _signed(run: Run) -> dict[str, str]:
    name, host = (_PLAIN.sub("-", part) or "unknown" for part in run.by.partition("@")[::2])
    who = {"NAME": name, "EMAIL": f"{name}@{host}", "DATE": run.time}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}
