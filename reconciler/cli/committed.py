"""What is applied is a commit: a work tree that differs from it is refused, by name of what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.cli.options import enclosing_repository
from reconciler.diagnostic import DiagnosticError, error

_MOST_NAMES = 5


def committed(values: dict[str, Any], what: str) -> str:
    """`HEAD`, when the work tree's manifests are those of HEAD; raises `DiagnosticError` when they differ.

    `what` is what needs a commit.
    """
    from reconciler.source import open_source

    tree = open_source(values["repo"] or enclosing_repository(), rev=None, path=values["path"])
    if not tree.source.commit:
        raise DiagnosticError(error("no-commit", "no commit yet", "Make one: git add . && git commit"))
    if tree.differs:
        detail = (
            f"{what[:1].upper()}{what[1:]} is of a commit, and these are not committed: {difference(tree.differs)}.\n"
            "Commit them, or name the commit: --rev HEAD"
        )
        raise DiagnosticError(error("work-tree-differs", "work tree differs from HEAD", detail))
    return "HEAD"


def difference(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
