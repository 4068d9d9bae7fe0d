"""Files that manifests name by source and digest: of trusted folders, of the commit, or from the public network. And
secrets that they name, of the trusted configuration.

Whatever is handed out has the digest that the manifest says, checked in this run, before anyone uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol, Self

from reconciler.diagnostic import DiagnosticError
from reconciler.download import download
from reconciler.driver import DriverError, ErrorClass
from reconciler.secret import SecretError, SecretSource, resolve
from reconciler.source.content import normal
from reconciler.xdg import cache_home

_PREFIX = "reconciler-files-"
_FRESH = 60.0
"""Seconds."""


class Commit(Protocol):
    """The part of a tree that is needed here."""

    def copy_file(self, path: str, target: BinaryIO) -> bool:
        """Write a file to `target`; False when there is none."""


class FleetFiles:
    """Implements `driver.Files` for one run of one fleet. A context: what it took out of the commit goes with it."""

    def __init__(
        self,
        folders: Sequence[Path],
        commit: Commit,
        fetch: Callable[[str, str, Path], None] = download,
        secrets: Mapping[str, SecretSource] = MappingProxyType({}),
    ) -> None:
        self._folders, self._commit, self._fetch, self._secrets = folders, commit, fetch, secrets
        self._stack = ExitStack()
        self._found: dict[str, Path] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fetch(self, source: str, sha256: str) -> Path:
        """A local file with that content; raises `DriverError`. Whoever asks for the same content waits for it."""
        with self._turn:
            turn = self._turns[sha256]
        with turn:
            if sha256 not in self._found:
                self._found[sha256] = self._remote(source, sha256) if "://" in source else self._local(source, sha256)
            return self._found[sha256]

    def secret(self, name: str) -> str:
        """A secret of the trusted configuration, resolved now; raises `DriverError`. Nothing keeps it: who needs it
        again asks again.
        """
        if name not in self._secrets:
            raise _yours(f"there is no secret {name!r} in the trusted configuration")
        try:
            return resolve(self._secrets[name])
        except SecretError as problem:
            raise _yours(f"the secret {name!r} of the trusted configuration cannot be had: {problem}.") from None

    @cached_property
    def _folder(self) -> Path:
        """A private folder, made when it is needed: a plan writes nothing. It is held as long as it is used, so that
        one that nobody holds is what a killed run has left.
        """
        _sweep(Path(tempfile.gettempdir()))
        made = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        folder = Path(self._stack.enter_context(made))
        self._stack.enter_context(_held(folder))
        return folder

    def _local(self, source: str, sha256: str) -> Path:
        path = normal(source)
        if not path:
            raise _yours(f"{source!r} is no path below a folder. Write `folder/file`, without `..`.")
        found = next((file for folder in self._folders if (file := _inside(folder, path)) is not None), None)
        found = found or self._from_commit(path, sha256)
        if found is None:
            places = ", ".join([*map(str, self._folders), "the commit"])
            raise _yours(f"there is no file {source!r} in {places}. Put it there, or correct `source`.")
        with _reading(source):
            digest = _digest(found)
        if digest != sha256:
            raise _yours(f"the sha256 of {found} is {digest} and not {sha256}. Correct the manifest or the file.")
        return found

    def _from_commit(self, path: str, sha256: str) -> Path | None:
        target = self._folder / sha256
        with _reading(path), target.open("wb") as file:
            return target if self._commit.copy_file(path, file) else None

    def _remote(self, url: str, sha256: str) -> Path:
        folder = cache_home() / "reconciler" / "images"
        target = folder / sha256
        with _reading(url):
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder / f"{sha256}.lock"):
                if not target.is_file() or _digest(target) != sha256:
                    self._fetch(url, sha256, target)
        return target


def _sweep(base: Path) -> None:
    """Remove what runs that were killed have left. One that was made just now may be about to be held."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if status.st_uid == os.geteuid() and time.time() - status.st_mtime > _FRESH:
                with _held(folder):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, which ends with the process. Raises `OSError` when another holds it, or it is none."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _inside(folder: Path, path: str) -> Path | None:
    """The file at a path of a trusted folder, unless a link leads out of it."""
    try:
        file, root = (folder / path).resolve(), folder.resolve()
        return file if file.is_relative_to(root) and file.is_file() else None
    except OSError:
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold other runs off while a file is being made."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _reading(source: str) -> Iterator[None]:
    try:
        yield
    except (OSError, DiagnosticError) as problem:
        raise _yours(f"{source!r} cannot be read: {problem}") from problem


def _yours(text: str) -> DriverError:
    return DriverError(ErrorClass.YOURS, text)
