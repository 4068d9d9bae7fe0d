"""What Git ignores in a work tree: a build folder's YAML is no manifest, and no commit will ever hold it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git import Repo

_LIST = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")


def ignored(repo: Repo) -> frozenset[str]:
    """Paths of files and folders that are ignored and not tracked, relative to the root of the work tree.

    Nothing when Git cannot tell: then everything is read, and nothing is hidden.
    """
    from git import GitCommandError

    # A file system monitor is a program of the repository's choosing; it is not run.
    command = [repo.git.GIT_PYTHON_GIT_EXECUTABLE or "git", "-c", "core.fsmonitor=false", *_LIST]
    try:
        listed = repo.git.execute(command, stdout_as_string=False, strip_newline_in_stdout=False)
    except GitCommandError:
        return frozenset()
    assert isinstance(listed, bytes)
    return frozenset(os.fsdecode(path).rstrip("/") for path in listed.split(b"\0") if path)
