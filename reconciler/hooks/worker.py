"""The worker: a controller that a hook starts where none runs, and that ends when there is nothing left to do."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from reconciler.serve.checking import Deployment
from reconciler.serve.socket.place import FOLDER, folder_of, socket_of

_MOST_LOG = 1 << 20
"""Bytes of a log after which another one is begun; the one before is kept."""
_TOLD = 2000


class Worker:
    """A worker that was started, and what it wrote into its log since."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, since: int) -> None:
        self._process = process
        self._since = since
        self.log = log

    @property
    def ended(self) -> bool:
        """Whether it is over already."""
        return self._process.poll() is not None

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    @property
    def said(self) -> str:
        """The end of what it wrote."""
        with self.log.open("rb") as file:
            file.seek(max(self._since, os.fstat(file.fileno()).st_size - _TOLD))
            return file.read(_TOLD).decode(errors="replace").strip()


def start(deployment: Deployment, socket: Path) -> Worker:
    """Start one in a session of its own, with nothing of the hook's: no pipe to whoever pushes, no environment that
    leads Git to the push's objects, no terminal. Raises `OSError`.
    """
    log = log_of(folder_of(Path(deployment.repository)).parent)
    with _log(log) as file:
        since = file.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command(deployment, socket),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd="/",
            env=without_git(os.environ),
            start_new_session=True,
        )
    return Worker(process, log, since)


def command(deployment: Deployment, socket: Path) -> list[str]:
    """What runs a worker. `-P`: nothing is imported from where it is run."""
    return [sys.executable, "-P", "-m", "reconciler", *_arguments(deployment), "--socket", str(socket)]


def by_hand(deployment: Deployment, socket: Path) -> str:
    """What a person runs to have the work done of one that has ended, for a shell."""
    words = ["reconciler", *_arguments(deployment)]
    usual = socket_of(Path(deployment.repository))
    return shlex.join([*words, "--socket", str(socket)] if socket != usual else words)


def _arguments(deployment: Deployment) -> list[str]:
    words = ["serve", "--until-idle", "--repo", deployment.repository, "--branch", deployment.branch]
    words += ["--path", deployment.path] if deployment.path else []
    return [*words, "--config", deployment.config] if deployment.config else words


def log_of(repository: Path) -> Path:
    """Where the workers of a repository (its Git directory) write what they do."""
    return repository / FOLDER / "worker.log"


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what Git tells a hook, and without what a login by ssh and a forge leave in it."""
    theirs = ("GIT_", "SSH_", "GL_", "GITEA_", "REMOTE_")
    return {name: value for name, value in environment.items() if not name.startswith(theirs)}


def _log(log: Path) -> IO[bytes]:
    """The log, for its owner alone: it may tell more than whoever pushes is told. It is opened once, and no link is
    followed, which others who may write the repository could put there.
    """
    if log.exists() and log.stat().st_size > _MOST_LOG:
        log.replace(log.with_suffix(".log.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "ab")
