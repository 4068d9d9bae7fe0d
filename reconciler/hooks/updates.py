"""What Git tells its hooks: which references a push moves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.serve.controls import Update

NOTHING = re.compile("0+")
"""What stands for the object of a reference that is not there."""
_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_LONGEST = 100


class NotGit(ValueError):
    """What came is not what Git tells its hooks."""


def read(lines: Iterable[bytes]) -> tuple[Update, ...]:
    """`OLD NEW REFERENCE`, line by line. Raises `NotGit`.

    A name may have any bytes. Those that are no UTF-8 are written out: Git allows no backslash, so it is no other's.
    """
    return tuple(_update(line.decode("utf-8", "backslashreplace").rstrip("\n")) for line in lines)


def _update(line: str) -> Update:
    old, _, rest = line.partition(" ")
    new, _, ref = rest.partition(" ")
    if not (_ID.fullmatch(old) and _ID.fullmatch(new) and ref):
        raise NotGit("this is a hook: Git calls it, and tells it which references a push moves")
    return Update(ref=ref, old=old, new=new)


def deleted(update: Update) -> bool:
    """Whether the reference goes."""
    return bool(NOTHING.fullmatch(update.new))


def made(update: Update) -> bool:
    """Whether the reference was not there before."""
    return bool(NOTHING.fullmatch(update.old))


def branch_of(update: Update) -> str:
    """The branch that is moved; empty when it is something else."""
    prefix = "refs/heads/"
    return update.ref.removeprefix(prefix) if update.ref.startswith(prefix) else ""


def name_of(update: Update) -> str:
    """The branch or reference, as it is told; somebody else chose it."""
    name = branch_of(update) or update.ref
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
