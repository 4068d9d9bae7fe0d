"""A bare repository that deploys what is pushed to it, and `git push` as people use it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.serve.checking import ChildChecker, Deployment
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.place import folder_of, socket_of
from reconciler.serve.socket.server import listening
from tests.support.command import Desk, Ran
from tests.support.controls import Remembering

_REMOTE = "remote: "
MISTAKE = ("flavor: small", "flavour: small")
"""What to write instead of what, so that a commit of the first fleet is rejected."""


class Bare:
    """A bare repository beside a user's, with the hooks in it."""

    def __init__(self, desk: Desk, folder: Path, *options: str) -> None:
        self.desk = desk
        self.path = folder / "fleet.git"
        self._run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.path))
        self.installed = desk.run("hooks", "install", str(self.path), *options, cwd=folder)

    def push(self, *words: str, **environment: str) -> Ran:
        """Push HEAD to main, or what is said instead. `out` is what came from the other side, `err` all of it."""
        return ran(self.start(*words, **environment), max(self.desk.patience, 120))

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Begin to push, and go on beside it."""
        command = ["git", "push", str(self.path), *(words or ("HEAD:main",))]
        around = self.desk.environment | environment
        return subprocess.Popen(
            command,
            cwd=self.desk.repo,
            env=around,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def hand_on(self) -> None:
        """Let the user's repository have the record, for commands that are run there."""
        records = ("+refs/reconciler/*:refs/reconciler/*", "+refs/notes/reconciler/*:refs/notes/reconciler/*")
        self.desk.git("fetch", "--quiet", str(self.path), *records)

    def tip(self, ref: str = "refs/heads/main") -> str:
        """The object that a reference points to; empty when there is none."""
        return self._run("git", "-C", str(self.path), "for-each-ref", "--format=%(objectname)", ref).strip()

    def git(self, *words: str) -> str:
        """Run Git in it."""
        return self._run("git", "-C", str(self.path), *words)

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.desk.environment, capture_output=True, text=True, check=True)
        return done.stdout


def ran(push: subprocess.Popen[str], patience: float = 120) -> Ran:
    """What a push that was begun came to."""
    text, _ = push.communicate(timeout=patience)
    heard = [line.removeprefix(_REMOTE).rstrip() for line in text.splitlines() if line.startswith(_REMOTE.rstrip())]
    return Ran(push.returncode, "\n".join(heard), text)


@contextmanager
def controller(bare: Bare, controls: Remembering) -> Iterator[None]:
    """A controller that listens for a repository's hooks, and does nothing."""
    folder_of(bare.path)
    checker = ChildChecker(Deployment(repository=str(bare.path), branch="main"), attended=True)
    with listening(socket_of(bare.path), Answering(controls, checker).answer):
        yield
