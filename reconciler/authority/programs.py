"""Running the programs that verify signatures: by absolute name, with nothing of a repository or a user around them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from reconciler.diagnostic import Place, Untrusted, error
from reconciler.trust.ownership import ours_or_roots

_DEADLINE = 20.0
"""Seconds that one verification may take."""
_KEPT = ("TZ",)
"""What of our own environment they are given: times in a list of signers are local ones, unless they end in Z."""


class Unverified(Exception):
    """A signature is not good; the message says why, as an end of "…: "."""


def program(name: str) -> str:
    """Where a program is, among the absolute folders of the search path: the current one could be a repository.
    Raises `Untrusted` when it is missing.
    """
    folders = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        detail = f"{name} verifies signatures, and is not installed. Install it; until then no commit is trusted."
        raise Untrusted(error("no-verifier", "program for signatures is missing", detail))
    return found


def pinned(path: str, what: str) -> Path:
    """A file or folder of the trusted configuration that says whom to believe. Raises `Untrusted` when it is missing,
    or can be written, or replaced, by others.
    """
    try:
        for part in (Path(path), Path(path).parent, Path(path).resolve().parent):
            _refuse_others(path, what, part, part.stat(), replaced=part != Path(path))
    except OSError as problem:
        raise _unusable(path, what, f"{problem.strerror or problem}.") from problem
    return Path(path)


def _refuse_others(path: str, what: str, part: Path, status: os.stat_result, *, replaced: bool) -> None:
    """In a folder with the sticky bit only owners replace their files."""
    sticky = replaced and status.st_mode & stat.S_ISVTX
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise _unusable(path, what, f"Others can write it, and so believe in themselves. Run: chmod go-w {part}")
    if not ours_or_roots(status.st_uid):
        raise _unusable(path, what, f"{part} belongs to user {status.st_uid}. It must be yours or root's.")


def run(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program. Raises `Unverified` when it cannot be run, or does not end in time."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"} | kept
    try:
        return subprocess.run(
            words, input=data, capture_output=True, env=environment, cwd="/", timeout=_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unverified(f"{Path(words[0]).name} did not tell: {problem}") from problem


def _unusable(path: str, what: str, why: str) -> Untrusted:
    detail = f"The {what} {path}: {why} Until then no commit is trusted."
    return Untrusted(error("no-signers", "it cannot be told whose signatures count", detail, Place(path)))
