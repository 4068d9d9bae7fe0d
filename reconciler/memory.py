"""Where it is kept what was understood of manifests, and what a plan came to, for the next run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

import reconciler
from reconciler.installed import sources
from reconciler.pack import Pack, version_of
from reconciler.xdg import cache_home


def manifests(repo: Path, folder: str) -> Pack:
    """The memory of one folder of a repository. It holds nothing but what follows from a file's content, so it may be
    deleted at any time, and any other program version begins anew.
    """
    here = Path(reconciler.__file__).parent
    return _pack("manifests", repo, folder, [*here.glob("*.py"), *here.glob("kinds/*.py"), *here.glob("firewall/*.py")])


def plans(repo: Path, folder: str, *, work_tree: bool) -> Pack:
    """The memory of what plans of such a folder, of commits or of the work tree, came to, by all of the program and of
    the drivers as they are now.
    """
    return _pack(
        "edits" if work_tree else "plans", repo, folder, [*Path(reconciler.__file__).parent.rglob("*.py"), *sources()]
    )


def _pack(kind: str, repo: Path, folder: str, modules: Iterable[Path]) -> Pack:
    place = hashlib.sha256(f"{repo.absolute()}\0{folder}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    version = f"{version_of(modules)} {msgspec.__version__}"
    return Pack(cache_home() / "reconciler" / kind / f"{place}.pack", version)
