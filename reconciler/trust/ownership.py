"""Whose a file must be that says whom to trust."""

from __future__ import annotations

import os
from pathlib import Path

_NOBODY = Path("/proc/sys/kernel/overflowuid")
_IDS = Path("/proc/self/uid_map")


def ours_or_roots(uid: int) -> bool:
    """Whether a file of that owner is ours or root's."""
    return accepted(uid, os.geteuid(), _read(_IDS), _read(_NOBODY))


def accepted(uid: int, ours: int, ids: str, nobody: str) -> bool:
    """Whether a file of `uid` may be relied on by `ours`, where `ids` are the user ids that our namespace knows and
    all others show as `nobody`.

    A limited process of somebody other than root is in a namespace that knows its own id alone, so that root's files
    show as nobody's there. They are taken for root's: the process that started it looked before, and nothing is
    applied from within.
    """
    alone = ids.split() == [str(ours), str(ours), "1"] and ours != 0
    return uid in (ours, 0) or (alone and str(uid) == nobody.strip())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
