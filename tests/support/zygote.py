"""The command line in processes of its own, without the cost of starting an interpreter for each.

One process imports everything and then forks for each command. What is killed is a real process, and the state that
it leaves is what a real crash leaves.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]


class Command(msgspec.Struct, frozen=True):
    """One command; what it prints goes to `output`."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    output: str


class Zygote:
    """The process that forks; ends with `close`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.zygote"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str], output: Path) -> int:
        """Run `reconciler` to its end and return its exit code; -9 when it was killed."""
        assert self._process.stdin
        assert self._process.stdout
        command = Command(arguments, str(folder), dict(environment), str(output))
        self._process.stdin.write(msgspec.json.encode(command) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the forking process has ended"
        return int(answer)

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def _become(command: Command) -> None:
    """In the fork: be that command."""
    from reconciler.cli.program import run

    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    output = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    code = run(list(command.arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve() -> None:
    for line in sys.stdin.buffer:
        command = msgspec.json.decode(line, type=Command)
        child = os.fork()
        if child == 0:
            _become(command)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for module in ("git", "reconciler.reconcile", "reconciler_simulator", "reconciler.report.plan_text"):
        importlib.import_module(module)
    for command in ("apply", "destroy", "carry_out", "committed"):
        importlib.import_module(f"reconciler.cli.{command}")

    _serve()
