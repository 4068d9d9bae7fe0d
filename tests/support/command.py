"""The command line as people use it: a process of its own, in a home of its own, that no configuration reaches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec


class Ran(msgspec.Struct, frozen=True):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


class Desk:
    """A user with a home and a Git repository in which `reconciler init` was run."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.repo = folder / "my-cloud"
        self.home.mkdir(parents=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        }

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Ran:
        """Run `reconciler` in the repository."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=cwd or self.repo,
            env=self.environment | environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def init(self) -> Ran:
        """Write the first fleet."""
        return self.run("init", str(self.repo), cwd=self.home)

    def commit(self, message: str = "Change") -> str:
        """Commit everything in the work tree; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """Run Git in the repository."""
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.repo, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def edit(self, file: str, before: str, after: str) -> None:
        """Replace text in a file; it must be there."""
        path = self.repo / file
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{file} has no {before!r}"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def by_hand(self, *arguments: str) -> None:
        """Change the simulated host behind everybody's back."""
        command = [sys.executable, "-m", "reconciler_simulator", str(self.state_file()), *arguments]
        subprocess.run(command, env=self.environment, check=True, timeout=60)

    def state_file(self) -> Path:
        """The state of the simulated host."""
        (found,) = (self.home / ".local" / "state" / "reconciler" / "simulator").glob("*/sim-01.json")
        return found
