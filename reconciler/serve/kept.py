"""What a controller keeps in Git, beside the record: what is suspended, and which commit is in force.

Lose these references, and nothing is suspended, and the applied commit is the one that was in force last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from reconciler.record.plumbing import RecordError, git, line, reference
from reconciler.serve.telling.status import Suspension

if TYPE_CHECKING:
    from git import Repo

Suspensions = tuple[Suspension, ...]
_NONE = "0" * 40
_TRIES = 20
_PAUSE = 0.05
_MOST_BYTES = 1 << 20


def suspended_name(fleet_id: str) -> str:
    """The reference to the suspensions: a blob of JSON."""
    return f"refs/reconciler/{fleet_id}/suspended"


def in_force_name(fleet_id: str) -> str:
    """The reference to the commit that is in force."""
    return f"refs/reconciler/{fleet_id}/in-force"


def in_force(repo: Repo, fleet_id: str) -> str:
    """The commit that a controller had in force last; empty when there was none."""
    return reference(repo, in_force_name(fleet_id))


def fleets(repo: Repo) -> list[str]:
    """The ids of the fleets of which a commit was in force. Raises `RecordError`."""
    rows = git(repo, "for-each-ref", "--format=%(refname)", "refs/reconciler/").decode(errors="replace").split()
    parts = [row.split("/") for row in rows]
    return sorted(words[2] for words in parts if len(words) == 4 and words[3] == "in-force")


def put_in_force(repo: Repo, fleet_id: str, commit: str) -> None:
    """Keep which commit is in force. Raises `RecordError`."""
    git(repo, "update-ref", "--no-deref", in_force_name(fleet_id), commit)


def suspensions(repo: Repo, fleet_id: str) -> Suspensions:
    """What is suspended. Raises `RecordError` when it is written down and cannot be read."""
    return _read(repo, reference(repo, suspended_name(fleet_id)))


def change(repo: Repo, fleet_id: str, edit: Callable[[Suspensions], Suspensions]) -> Suspensions:
    """Edit what is suspended, so that no other writer's edit is lost; returns what is now. Raises `RecordError`."""
    for tried in range(_TRIES):
        before = reference(repo, suspended_name(fleet_id))
        after = edit(_read(repo, before))
        try:
            _move(repo, suspended_name(fleet_id), before or _NONE, after)
            return after
        except RecordError:
            if tried == _TRIES - 1:
                raise
            time.sleep(_PAUSE)
    raise AssertionError("the last try returns or raises")


def forget(repo: Repo, fleet_id: str) -> None:
    """Suspend nothing, whatever is written down. Raises `RecordError`."""
    if reference(repo, suspended_name(fleet_id)):
        git(repo, "update-ref", "--no-deref", "-d", suspended_name(fleet_id))


def _read(repo: Repo, blob: str) -> Suspensions:
    if not blob:
        return ()
    if int(line(repo, "cat-file", "-s", blob)) > _MOST_BYTES:
        raise RecordError("what is suspended cannot be read: it is too large")
    try:
        return msgspec.json.decode(git(repo, "cat-file", "blob", blob), type=Suspensions)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise RecordError(f"what is suspended cannot be read: {problem}") from problem


def _move(repo: Repo, name: str, before: str, after: Suspensions) -> None:
    if after:
        blob = line(repo, "hash-object", "-w", "--stdin", data=msgspec.json.encode(after))
        git(repo, "update-ref", "--no-deref", name, blob, before)
    elif before != _NONE:
        git(repo, "update-ref", "--no-deref", "-d", name, before)
