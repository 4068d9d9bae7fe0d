"""Where it is kept what was understood of manifests, so that the next run need not read them again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

import reconciler
from reconciler.pack import Pack, version_of
from reconciler.xdg import cache_home


def manifests(repo: Path, folder: str) -> Pack:
    """The memory of one folder of a repository. It holds nothing but what follows from a file's content, so it may be
    deleted at any time, and any other program version begins anew.
    """
    place = hashlib.sha256(f"{repo.absolute()}\0{folder}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    here = Path(reconciler.__file__).parent
    version = version_of([*here.glob("*.py"), *here.glob("kinds/*.py"), *here.glob("firewall/*.py")])
    return Pack(cache_home() / "reconciler" / "manifests" / f"{place}.pack", f"{version} {msgspec.__version__}")
