"""The command line as people use it: a process of its own, in a home of its own, that no configuration reaches."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import msgspec
from click.testing import CliRunner

from reconciler_simulator.__main__ import main
from tests.support.zygote import Command, zygote

OF_THE_INTERPRETER = ("LANG", "LC_", "PYTHON")
"""What an interpreter looks at only when it starts."""


class Ran(msgspec.Struct, frozen=True):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


class Session:
    """A running command. What it writes, to either stream, is read as one text."""

    def __init__(self, command: list[str], cwd: Path, environment: dict[str, str], *, terminal: bool) -> None:
        self._reading, writing = pty.openpty() if terminal else os.pipe()
        stdin = writing if terminal else subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=stdin, stdout=writing, stderr=writing, start_new_session=True
        )
        os.close(writing)
        self.text = ""

    def wait_for(self, text: str) -> None:
        """Read until the text was written; fails when the command ends before."""
        while text not in self.text:
            more = self._read()
            assert more, f"{text!r} is not in: {self.text}"
            self.text += more

    def type(self, line: str) -> None:
        """Type a line, on a terminal."""
        os.write(self._reading, f"{line}\n".encode())

    def type_until_over(self, line: str) -> int:
        """Type a line again and again until the command ends: what is typed before it has set up the terminal is lost.
        Returns the exit code.
        """
        while self._process.poll() is None:
            self.type(line)
            time.sleep(0.2)
        return self.end()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """The command's process."""
        return self._process.pid

    def end(self) -> int:
        """Read what is left and wait; returns the exit code."""
        while more := self._read():
            self.text += more
        os.close(self._reading)
        return self._process.wait(timeout=60)

    def _read(self) -> str:
        try:
            return os.read(self._reading, 65536).decode(errors="replace")
        except OSError:  # a terminal whose last user left
            return ""


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


class Desk:
    """A user with a home and a Git repository in which `reconciler init` was run.

    `patience` is how many seconds a command may take before the test counts it as hanging.
    """

    patience = 60.0

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
        folder, around = cwd or self.repo, self.environment | environment
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            if any(name.startswith(OF_THE_INTERPRETER) for name in environment):
                line = [sys.executable, "-m", "reconciler", *arguments]
                nothing = subprocess.DEVNULL
                done = subprocess.run(line, cwd=folder, env=around, stdin=nothing, stdout=out, stderr=err, check=False)
                code = done.returncode
            else:
                command = Command(arguments, str(folder), around)
                code = zygote().run(command, out.fileno(), err.fileno(), self.patience)
            return Ran(code, *(_text(file) for file in (out, err)))

    def run_into(self, file: IO[bytes], *arguments: str) -> int:
        """Run `reconciler` with both output streams going into a file; returns the exit code."""
        command = [sys.executable, "-m", "reconciler", *arguments]
        done = subprocess.run(
            command, cwd=self.repo, env=self.environment, stdout=file, stderr=file, check=False, timeout=60
        )
        return done.returncode

    def start(self, *arguments: str, terminal: bool = False, **environment: str) -> Session:
        """Start `reconciler` in the repository, with pipes or on a terminal of its own, and go on beside it."""
        command = [sys.executable, "-m", "reconciler", *arguments]
        return Session(command, self.repo, self.environment | environment, terminal=terminal)

    def init(self) -> Ran:
        """Write the first fleet."""
        return self.run("init", str(self.repo), cwd=self.home)

    def copied(self, folder: Path) -> Desk:
        """Another user, who has everything that this one has."""
        copy = Desk(folder)
        shutil.copytree(self.home, copy.home, dirs_exist_ok=True)
        shutil.copytree(self.repo, copy.repo)
        copy.git("update-index", "--refresh")
        return copy

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

    def by_hand(self, *arguments: str) -> str:
        """Change or show the simulated host behind everybody's back."""
        done = CliRunner().invoke(main, [str(self.state_file()), *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    def state_file(self) -> Path:
        """The state of the simulated host."""
        (found,) = (self.home / ".local" / "state" / "reconciler" / "simulator").glob("*/sim-01.json")
        return found
