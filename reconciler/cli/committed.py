"""What is applied is a commit: a work tree that differs from it is refused, by name of what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.naming import enclosing_repository
from reconciler.diagnostic import DiagnosticError, error

if TYPE_CHECKING:
    from reconciler.reconcile import Loaded

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
        raise _differs(tree.differs, what)
    return "HEAD"


def refuse_edited_files(loaded: Loaded, what: str) -> None:
    """Raises `DiagnosticError` when files that manifests name (keys, user data, images in the repository) are not in
    the work tree as they are in HEAD.
    """
    from reconciler.kinds.image import contents

    images = (each.spec for address, each in loaded.desired.resources.items() if address.kind == "Image")
    sources = {file.source for spec in images for file in contents(spec).values() if "://" not in file.source}
    if edited := loaded.tree.named_differ(sources):
        raise _differs(edited, what)


def _differs(names: Sequence[str], what: str) -> DiagnosticError:
    detail = (
        f"{what[:1].upper()}{what[1:]} is of a commit, and these are not committed: {difference(names)}.\n"
        "Commit them, or name the commit: --rev HEAD"
    )
    return DiagnosticError(error("work-tree-differs", "work tree differs from HEAD", detail))


def difference(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
