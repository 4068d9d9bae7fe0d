"""Where a controller's socket is: in the repository, for the users of its group; one controller for each socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.serve.socket.peer import user_name

FOLDER = "reconciler"
"""The folder in a repository's Git directory that holds the socket, its lock and a worker's log."""
_LONGEST = 100
"""Bytes of a path that an address of a socket surely has room for (107 on Linux)."""
_MODE = 0o660
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
TO_BE_TAKEN = 10.0
"""Seconds in which a controller that runs takes the connections that wait, however many they are."""


class Taken(Exception):
    """Another process listens there."""


class Unsafe(OSError):
    """Somebody else could be asked in the controller's place; the message says who, and what to do."""


def socket_of(git_dir: Path) -> Path:
    """Where the controller of a repository listens, unless the trusted configuration says otherwise."""
    return git_dir / FOLDER / "serve.sock"


def folder_of(git_dir: Path) -> Path:
    """The folder that belongs to the controller, made if need be. Whoever may read the repository may enter it; nobody
    else may write it, as the group of a shared repository may its other folders, or they could put a socket of theirs
    in the place of ours. Raises `Unsafe`, and `OSError`.
    """
    folder = git_dir / FOLDER
    new = not folder.exists()
    if new:
        folder.mkdir(0o700, exist_ok=True)  # not to be entered before it is as it has to be
    if folder.is_symlink() or not folder.is_dir():
        raise Unsafe(f"{folder} is no folder: remove it, or have it removed by whoever it belongs to")
    with _held(folder, os.O_DIRECTORY) as held:
        known = _ours(held, folder).st_mode
        if new or known & _BY_OTHERS:
            mode = git_dir.stat().st_mode if new else known
            _change_mode(held, folder, stat.S_IMODE(mode) & ~_BY_OTHERS)
    return folder


@contextmanager
def _held(path: Path, flags: int = 0) -> Iterator[int]:
    """What is at a path, held so that it stays the same one whatever others put there; no link is followed."""
    held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | flags)
    try:
        yield held
    finally:
        os.close(held)


def _ours(held: int, path: Path) -> os.stat_result:
    """What is known of what is held. Raises `Unsafe` when it is somebody else's than ours or root's."""
    known = os.fstat(held)
    if known.st_uid not in (0, os.geteuid()):
        owner, us, place = user_name(known.st_uid), user_name(os.geteuid()), shlex.quote(str(path))
        raise Unsafe(
            f"{path} belongs to {owner}, who could take the controller's place there; it has to be {us}'s, or"
            f" root's. Let {owner} run the controller; or, where none of theirs runs, remove it: rm -r {place}"
        )
    return known


def _change_mode(held: int, path: Path, mode: int) -> None:
    """Change the mode of what is held, if it is ours. Raises `Unsafe`."""
    _ours(held, path)
    try:
        Path(f"/proc/self/fd/{held}").chmod(mode)
    except PermissionError as problem:  # it is root's, and we are not
        what_to_do = f"As root: chmod go-w {shlex.quote(str(path))}"
        raise Unsafe(f"{path} belongs to root, and others may write it. {what_to_do}") from problem


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
        let_group_in(path)  # before it listens: until then nobody can connect
        server.listen(64)
        try:
            yield server
        finally:
            path.unlink(missing_ok=True)


def let_group_in(path: Path) -> None:
    """Let the group ask at our socket; what others put in its place stays as it is. Raises `Unsafe`, `OSError`."""
    with _held(path) as held:
        _change_mode(held, path, _MODE)


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
