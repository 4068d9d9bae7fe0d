"""Secrets of the trusted configuration: where each one comes from, and how it is had when it is needed.

What they hold reaches no plan, log, digest, error or command line: errors here speak of the source alone.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

AbsolutePath = Annotated[str, Meta(pattern=r"^/[^\x00-\x1f]*$(?!\n)", title="an absolute path")]
Variable = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", title="the name of an environment variable, such as WEB_SEED")
]

MOST_BYTES = 64 << 10
"""What user data may be, and more than a secret needs."""
DEADLINE = 30.0


class SecretSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of `file`, `environment` and `command`. The final line break of a file's or command's text is no
    part of it.
    """

    file: Annotated[AbsolutePath, Meta(description="A file that only its owner and group can read.")] | None = None
    environment: Annotated[Variable, Meta(description="A variable of this program's environment.")] | None = None
    command: (
        Annotated[
            tuple[Annotated[str, Meta(min_length=1)], ...],
            Meta(min_length=1, max_length=64, description="A program and its arguments; no shell reads them."),
        ]
        | None
    ) = None

    @property
    def given(self) -> list[str]:
        """The fields that say where it comes from: one, in a valid source."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]


class SecretError(Exception):
    """A secret cannot be had; the message names its source and no part of it."""


def resolve(source: SecretSource, deadline: float = DEADLINE) -> str:
    """The text of a secret, read now. A command has `deadline` seconds. Raises `SecretError`."""
    if source.file is not None:
        return _text(f"the file {source.file}", _read(Path(source.file))).removesuffix("\n").removesuffix("\r")
    if source.environment is not None:
        return _variable(source.environment)
    assert source.command, "a valid source has one of them"
    what = f"what {source.command[0]!r} prints"
    return _text(what, _run(source.command, deadline)).removesuffix("\n").removesuffix("\r")


def _variable(name: str) -> str:
    if name not in os.environ:
        raise SecretError(f"the environment variable {name} is not set")
    return _text(f"the environment variable {name}", os.environb[name.encode()])


def _text(what: str, data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise SecretError(f"{what} has more than {MOST_BYTES:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{what} is not UTF-8 text") from None


def _read(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{path} is no file")
            if status.st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
                raise SecretError(f"others can read or change {path}. Take that away: chmod o-rwx,g-w {path}")
            if status.st_uid not in (os.geteuid(), 0):
                raise SecretError(f"{path} belongs to user {status.st_uid}. It must be yours or root's")
            return file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise SecretError(f"{path} cannot be read: {problem.strerror or problem}") from None


def _run(command: tuple[str, ...], deadline: float) -> bytes:
    """What a command prints. What it says besides is dropped, since it may repeat what it was to keep."""
    end = time.monotonic() + deadline
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError as problem:
        raise SecretError(f"{command[0]!r} cannot be run: {problem.strerror or problem}") from None
    with process:
        try:
            data = _output(process, end)
            status = 0 if len(data) > MOST_BYTES else process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise SecretError(f"{command[0]!r} took longer than {deadline:g} s") from None
        finally:
            _end(process)
    if status:
        raise SecretError(f"{command[0]!r} ended with status {status}. Run it by hand, as this user, to see why")
    return data


def _output(process: subprocess.Popen[bytes], end: float) -> bytes:
    """All of it, or a little more than may be."""
    assert process.stdout is not None
    data, stream = b"", process.stdout.fileno()
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    while len(data) <= MOST_BYTES:
        if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
            raise subprocess.TimeoutExpired(process.args, 0)
        piece = os.read(stream, MOST_BYTES)
        if not piece:
            break
        data += piece
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of it running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
