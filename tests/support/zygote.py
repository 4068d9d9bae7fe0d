"""The command line in processes of its own, without the cost of starting an interpreter for each.

One process imports everything and then forks for each command. What is killed is a real process, and the state that
it leaves is what a real crash leaves.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

ROOT = Path(__file__).parents[2]
MOST_BYTES = 1 << 20
"""Of a command with its environment."""
COMMANDS = ("apply", "carry_out", "committed", "describe", "destroy", "drift", "get", "observe", "plan", "validate")
IMPORTED = (
    *("git", "reconciler.reconcile", "reconciler.report.plan_json", "reconciler.report.plan_text"),
    *("reconciler_simulator.driver", "reconciler.cli.program", *(f"reconciler.cli.{command}" for command in COMMANDS)),
)
"""What most commands import."""


class Command(msgspec.Struct, frozen=True):
    """One command."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]


class Zygote:
    """The process that forks; it ends when nobody is left who could ask it."""

    def __init__(self) -> None:
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked:
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.zygote", str(asked.fileno())],
                cwd=ROOT,
                env=os.environ | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
                pass_fds=[asked.fileno()],
            )

    def run(self, command: Command, out: int, err: int, patience: float) -> int:
        """Run `reconciler` to its end, its output going to two descriptors, and return its exit code: -9 when it was
        killed. Raises `TimeoutError` when it takes longer than `patience` seconds; it is killed then.
        """
        answers, answering = socket.socketpair()
        with answers, answers.makefile() as lines:
            with answering:
                socket.send_fds(self._asking, [msgspec.json.encode(command)], [answering.fileno(), out, err])
            child = int(lines.readline())
            answers.settimeout(patience)
            try:
                return int(lines.readline())
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                raise


@functools.cache
def zygote() -> Zygote:
    """The one of this process."""
    return Zygote()


def run(arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str], output: Path) -> int:
    """Run `reconciler` to its end, its output going to the end of a file, and return its exit code."""
    with output.open("ab") as file:
        command = Command(arguments, str(folder), dict(environment))
        return zygote().run(command, file.fileno(), file.fileno(), 300)


def _serve(asked: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    while True:
        message, descriptors, *_ = socket.recv_fds(asked, MOST_BYTES, 3)
        if not message:
            return
        if os.fork() == 0:
            asked.close()
            _answer(msgspec.json.decode(message, type=Command), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _answer(command: Command, answering: int, out: int, err: int) -> NoReturn:
    """In the fork: fork once more, and tell what becomes of that."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(answering)
        _become(command, out, err)
    os.write(answering, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(answering, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(command: Command, out: int, err: int) -> NoReturn:
    """Be that command, and end as it does."""
    from reconciler.cli import main

    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    os.closerange(3, 64)
    sys.argv = ["reconciler", *command.arguments]
    main()
    sys.exit(0)


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    _serve(socket.socket(fileno=int(sys.argv[1])))
