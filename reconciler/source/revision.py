"""From what people call a revision to the id of one commit, once; only ids are used after that."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.diagnostic import error
from reconciler.source.content import SourceError, printable

if TYPE_CHECKING:
    from git import Repo

_NAME = re.compile(r"(?!-)[A-Za-z0-9._/+@#=,-]{1,250}")
"""What a revision may look like. A leading `-` is refused although Git allows it in names: programs take it for an
option. So is all of Git's revision language (`~`, `^`, `@{…}`, `:`).
"""
_FULL = re.compile(r"[0-9a-f]{40}")
_SHORT = re.compile(r"[0-9a-f]{4,40}")
_LONGEST_TAG_CHAIN = 10
MOST_OBJECT_BYTES = 16 << 20
"""What an object may have that is read at once: a folder of more names than may be looked at has less."""


def resolve(repo: Repo, rev: str) -> str:
    """The commit that `HEAD`, a branch (also of a remote), a tag, or a full or short commit id means: 40 hex digits.

    Raises `SourceError` for anything else, for names that mean several of them, and where ids are longer ones.
    """
    if not _NAME.fullmatch(rev):
        raise _unknown(rev, "Write a branch, a tag, `HEAD` or a commit id; `git rev-parse` turns all else into an id.")
    if _FULL.fullmatch(rev):
        return _commit(repo, rev, rev)
    if rev == "HEAD":
        return _commit(repo, rev, _head(repo))
    places = ("heads", "tags", "remotes")
    names = [rev] if rev.startswith("refs/") else [f"refs/{place}/{rev}" for place in places]
    found = {name: value for name in names if (value := _reference(repo, name)) is not None}
    if len(found) > 1:
        raise _unknown(rev, f"It is the name of several; write {' or '.join(found)}.")
    value = next(iter(found.values()), None) or _completed(repo, rev)
    if value is None:
        _refuse_long_ids(repo)
        raise _unknown(rev, "No branch or tag has that name, and no commit that id. Was it fetched?")
    return _commit(repo, rev, value)


def head(repo: Repo) -> str | None:
    """The commit that HEAD means; None when the repository has no commit yet."""
    value = _reference(repo, "HEAD")
    return None if value is None else _commit(repo, "HEAD", value)


def _head(repo: Repo) -> str:
    value = _reference(repo, "HEAD")
    if value is None:
        _refuse_long_ids(repo)
        detail = "HEAD names a branch without a commit. Commit first: git add -A && git commit."
        raise SourceError(error("no-commit", "repository has no commit yet", detail))
    return value


def _refuse_long_ids(repo: Repo) -> None:
    """Where ids are SHA-256 no reference can be read, and there would seem to be no commit."""
    from git import GitCommandError

    with suppress(GitCommandError):
        if (ids := str(repo.git.rev_parse("--show-object-format"))) != "sha1":
            detail = (
                f"It was made with --object-format={printable(ids)}; only ids of SHA-1 are known here. Take the branch"
                " over into a repository that has those: git init, and then `git fast-export` into `git fast-import`."
            )
            raise SourceError(error("object-format", "commits of this repository cannot be named", detail))


def _reference(repo: Repo, name: str) -> str | None:
    from git import SymbolicReference

    with suppress(ValueError, OSError):
        return str(SymbolicReference.dereference_recursive(repo, name))
    return None


def _completed(repo: Repo, short: str) -> str | None:
    if not _SHORT.fullmatch(short):
        return None
    from gitdb.exc import BadObject

    with suppress(BadObject):
        full: str = repo.odb.partial_to_complete_sha_hex(short).hex()
        # Git would also take the name of a reference elsewhere that looks like an id.
        return full if full.startswith(short) else None
    return None


def _commit(repo: Repo, rev: str, value: str) -> str:
    """Follow annotated tags to the commit that they are put on."""
    for _ in range(_LONGEST_TAG_CHAIN):
        kind, data = _object(repo, value)
        if kind == b"commit":
            return value
        if kind != b"tag":
            raise _unknown(rev, f"It names a {kind.decode()}, not a commit.")
        value = data.partition(b"\n")[0].removeprefix(b"object ").decode()
    raise _unknown(rev, "It is a tag of a tag of a tag, without end.")


def _object(repo: Repo, value: str) -> tuple[bytes, bytes]:
    """The type of an object, and its content if that may lead to a commit."""
    kind = typed(repo, value)
    return kind, whole(repo, value) if kind in (b"commit", b"tag") else b""


def typed(repo: Repo, value: str) -> bytes:
    """The type of an object: `commit`, `tag`, `tree` or `blob`. Raises `SourceError`."""
    try:
        kind: bytes = repo.odb.info(bytes.fromhex(value)).type
    except ValueError as problem:
        raise damaged(repo, value) from problem
    return kind


def whole(repo: Repo, value: str) -> bytes:
    """The content of an object. Raises `SourceError`, also when it is too large to be read at once: commits, tags and
    trees of gigabytes are packed into a few megabytes.
    """
    try:
        size = repo.odb.info(bytes.fromhex(value)).size
        if size <= MOST_OBJECT_BYTES:
            data: bytes = repo.odb.stream(bytes.fromhex(value)).read()
            return data
    except ValueError as problem:
        raise damaged(repo, value) from problem
    detail = f"Object {value} has {size:,} bytes; a commit, a tag or a folder may have {MOST_OBJECT_BYTES:,}."
    raise SourceError(error("source-too-large", "source is too large", detail))


def damaged(repo: Repo, value: str) -> SourceError:
    """An object that must be there is not, or cannot be read."""
    cause = "It is damaged; `git fsck` tells more. Clone again, or fetch what is missing."
    if (Path(repo.common_dir) / "shallow").exists():
        cause = "This clone is shallow. Fetch the rest: git fetch --unshallow."
    elif any((Path(repo.common_dir) / "objects" / "pack").glob("*.promisor")):
        cause = "This clone is partial, and nothing is fetched here. Fetch the rest: git fetch --refetch --no-filter."
    return SourceError(error("missing-object", "object is missing from the repository", f"Object {value}: {cause}"))


def _unknown(rev: str, detail: str) -> SourceError:
    return SourceError(error("unknown-revision", "revision is unknown", f"{printable(rev)!r}: {detail}"))
