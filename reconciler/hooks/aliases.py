"""Names of branches that stand for other ones, as a branch that was renamed leaves behind: a push there moves these."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec

from reconciler.hooks.updates import branch_of
from reconciler.hooks.worker import without_git
from reconciler.serve.controls import Update


def seen_through(repository: Path, updates: Iterable[Update]) -> tuple[Update, ...]:
    """What a push moves indeed: Git tells its hooks the names that were pushed to."""
    return tuple(msgspec.structs.replace(each, ref=_meant(repository, each)) for each in updates)


def _meant(repository: Path, update: Update) -> str:
    if not branch_of(update):
        return update.ref
    command = [shutil.which("git") or "git", "--git-dir", str(repository), "symbolic-ref", "--quiet", update.ref]
    done = subprocess.run(command, capture_output=True, check=False, env=without_git(os.environ))
    return done.stdout.decode(errors="surrogateescape").strip() or update.ref
