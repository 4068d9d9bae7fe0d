"""Where a controller's socket is: in the repository, for the users of its group; one controller for each socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "reconciler"
"""The folder in a repository's Git directory that holds the socket, its lock and a worker's log."""
_LONGEST = 100
"""Bytes of a path that an address of a socket surely has room for (107 on Linux)."""
_MODE = 0o660
TO_BE_TAKEN = 10.0
"""Seconds in which a controller that runs takes the connections that wait, however many they are."""


class Taken(Exception):
    """Another process listens there."""


def socket_of(git_dir: Path) -> Path:
    """Where the controller of a repository listens, unless the trusted configuration says otherwise."""
    return git_dir / FOLDER / "serve.sock"


def folder_of(git_dir: Path) -> Path:
    """The folder that belongs to the controller, made if need be; whoever may read the repository may enter it."""
    folder = git_dir / FOLDER
    if not folder.is_dir():
        mode = stat.S_IMODE(git_dir.stat().st_mode)
        folder.mkdir(exist_ok=True)
        folder.chmod(mode & ~stat.S_IWOTH)
    return folder


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The path as an address of a socket, valid while the context lasts: one that is too long goes by way of its
    folder, opened.
    """
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, patience: float = TO_BE_TAKEN) -> socket.socket:
    """A connection to whoever listens there. Raises `OSError`; `TimeoutError` when so many wait there already that no
    other can, for `patience` seconds: who listens is stopped, or hangs.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with address_of(path) as address:
            _connect(connection, address, time.monotonic() + patience)
        connection.setblocking(True)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(connection: socket.socket, address: str, until: float) -> None:
    """A connection to a socket of this machine is there at once, or the queue is full."""
    while True:
        try:
            connection.connect(address)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "it takes no connection: it is stopped, or hangs") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def bound(path: Path, patience: float = 0.0) -> Iterator[socket.socket]:
    """A socket that listens at a path, as the only one; a stale one there is replaced, and at the end it is gone.

    Raises `Taken` when another process still listens there after `patience` seconds, and `OSError`.
    """
    with _only_one(path, patience), contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as server:
        _remove_stale(path)
        with address_of(path) as address:
            server.bind(address)
        path.chmod(_MODE)  # before it listens: until then nobody can connect
        server.listen(64)
        try:
            yield server
        finally:
            path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Nobody listens there any more, or the lock would be held; what is no socket was never ours."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is something that is no socket", str(path))
        path.unlink()


@contextmanager
def _only_one(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock beside the socket. The kernel drops it when its holder ends, however that happens."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(lock, path, time.monotonic() + patience)
        yield
    finally:
        os.close(lock)


def _take(lock: int, path: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Taken(f"another controller listens at {path}") from None
            time.sleep(0.05)
        else:
            return
