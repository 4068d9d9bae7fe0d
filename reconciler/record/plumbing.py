"""Writing to a repository with Git's own low-level commands, so that nothing of the repository's can act.

No hook, filter, signing program or monitor of the repository is run: whoever may write its configuration may not
thereby run programs as us. What is written is objects and references only, never a work tree or its index.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git import Repo

_HARMLESS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.splitIndex=false", "core.untrackedCache=false")
_DEADLINE = 30.0
"""Seconds that one command of Git may take."""
_LONGEST = 300
"""Characters of what Git says that are told."""


class RecordError(Exception):
    """The repository could not be written or read; the message says why, in Git's words."""


def git(repo: Repo, *command: str, data: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """What a command of Git prints. Raises `RecordError`.

    It is in a session of its own: an interrupt from the keyboard that ends us does not break it off half-way.
    """
    options = [word for setting in _HARMLESS for word in ("-c", setting)]
    words = [str(repo.git.GIT_PYTHON_GIT_EXECUTABLE), *options, *command]
    around = os.environ | repo.git.environment() | dict(environment)
    try:
        done = subprocess.run(
            words, input=data, capture_output=True, env=around, timeout=_DEADLINE, check=False, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise RecordError(f"git {command[0]}: {problem}") from problem
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"it ended with status {done.returncode}"
        raise RecordError(f"git {command[0]}: {said[:_LONGEST]}")
    return done.stdout


def line(repo: Repo, *command: str, data: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """The one line that a command prints. Raises `RecordError`."""
    return git(repo, *command, data=data, environment=environment).decode(errors="replace").strip()


def reference(repo: Repo, name: str) -> str:
    """The object that a reference of exactly this name points to; empty when there is none.

    `git rev-parse` would go on to look for a tag or a branch that has the whole name for its own, such as
    `refs/heads/refs/reconciler/…/applied`, which whoever may push can make. Raises `RecordError` when it cannot be
    read: that is not the same as none.
    """
    for row in (
        git(repo, "for-each-ref", "--format=%(objectname) %(refname)", name).decode(errors="replace").splitlines()
    ):
        identity, _, found = row.partition(" ")
        if found == name:
            return identity
    return ""
