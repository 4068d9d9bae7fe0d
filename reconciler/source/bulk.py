"""Many objects of a repository at once: one question to Git instead of thousands.

Nothing here tells what is wrong. Whatever is out of the ordinary is answered with None, and asked for again one by
one, which finds the words.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from git import Repo

_MOST_LISTED = 64 << 20
"""Bytes of a listing; more than that is more names than a fleet may have."""
_MOST_ROWS = 250_000
"""Names in it. Git looks every one of them up: a hostile tree may have any number, in a kilobyte."""
_PIECE = 1 << 20


class Row(msgspec.Struct, frozen=True, gc=False):
    """One name in a tree. `path` begins at the tree that was asked for; `size` is None for what is no file or link."""

    path: str
    mode: int
    id: str
    size: int | None


def listing(repo: Repo, tree: str) -> list[Row] | None:
    """Everything below a tree; None when it cannot be told at once."""
    with _git(repo, "ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree) as process:
        assert process.stdout
        data = _bounded(process.stdout)
        process.kill()  # it has ended, unless there is far too much
    if process.returncode or data is None:
        return None
    try:
        rows = [_row(line) for line in data.decode("utf-8", "surrogateescape").split("\0")[:-1]]
    except ValueError:  # the size of a damaged object is `BAD`
        return None
    return rows if len({row.path for row in rows}) == len(rows) else None


def _bounded(stream: IO[bytes]) -> bytes | None:
    """All of it; None when there is far too much."""
    pieces: list[bytes] = []
    size = rows = 0
    while piece := stream.read(_PIECE):
        pieces.append(piece)
        size, rows = size + len(piece), rows + piece.count(0)
        if size > _MOST_LISTED or rows > _MOST_ROWS:
            return None
    return b"".join(pieces)


def _row(line: str) -> Row:
    head, _, path = line.partition("\t")
    mode, _, identity, size = head.split()
    return Row(path, int(mode, 8), identity, int(size) if size != "-" else None)


def contents(repo: Repo, ids: Iterable[str]) -> dict[str, bytes]:
    """The contents of blobs, as far as they could be read."""
    wanted = list(dict.fromkeys(ids))
    with _git(repo, "cat-file", "--batch", "--buffer") as process:
        answer, _ = process.communicate("".join(f"{each}\n" for each in wanted).encode())
    return dict(_answers(answer))


def _answers(answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Each object of an answer: a line `ID TYPE SIZE`, its content, and a line break."""
    start = 0
    while (end := answer.find(b"\n", start)) >= 0:
        words = answer[start:end].decode().split()
        if len(words) != 3:
            return  # missing, or damaged; what follows is asked for again
        start = end + 1 + int(words[2]) + 1
        yield words[0], answer[end + 1 : start - 1]


def _git(repo: Repo, *command: str) -> subprocess.Popen[bytes]:
    """A process of Git, with the environment that the repository was opened with."""
    program = str(repo.git.GIT_PYTHON_GIT_EXECUTABLE)
    pipe = subprocess.PIPE
    environment = os.environ | repo.git.environment()
    return subprocess.Popen([program, *command], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
