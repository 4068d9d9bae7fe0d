"""Commits as Git keeps them: who wrote them, what comes before, what they say, and what exactly was signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from reconciler.diagnostic import Untrusted, error
from reconciler.record.plumbing import RecordError, git
from reconciler.source import bulk

if TYPE_CHECKING:
    from git import Repo

_SIGNATURES = (b"gpgsig", b"gpgsig-sha256")
_ONCE = (b"tree ", b"parent ", b"author ", b"committer ")
"""What a head begins with, and has nowhere else: of several, Git shows the last in one place, the first in another."""
_SHORT = 12
_LONGEST_EMAIL = 254
_MOST_BYTES = 1 << 20
"""What a commit object may have, its message and signature included."""
_MOST_TOTAL_BYTES = 64 << 20
"""What all that are read at once may have."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit. `signatures` are those that it carries (Git writes one), `payload` is what they sign."""

    id: str
    tree: str
    parents: tuple[str, ...]
    email: str
    message: str
    payload: bytes
    signatures: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """What people call it: the first digits of its id, and its subject."""
        subject = self.message.strip().partition("\n")[0][:72]
        return f"commit {self.id[:_SHORT]} ({subject})" if subject else f"commit {self.id[:_SHORT]}"


def read(repo: Repo, ids: Iterable[str]) -> list[Commit]:
    """These commits, in this order. Raises `Untrusted` when one of them cannot be read: it could say anything."""
    wanted = list(ids)
    if wanted:
        _refuse_large({identity: size for identity, _, size in objects(repo, wanted)})
    found = bulk.contents(repo, wanted) if wanted else {}
    if missing := [each for each in wanted if each not in found]:
        raise unjudgeable(f"Commit {missing[0]} cannot be read; `git fsck` tells more.")
    return [parsed(each, found[each]) for each in wanted]


def objects(repo: Repo, ids: Iterable[str]) -> list[tuple[str, str, int]]:
    """What these objects are, and how many bytes they have, as far as they are there. Raises `Untrusted`."""
    try:
        rows = git(repo, "cat-file", "--batch-check", data="".join(f"{each}\n" for each in ids).encode())
    except RecordError as problem:
        raise unjudgeable(f"{problem}.") from problem
    words = (row.decode(errors="replace").split(" ") for row in rows.splitlines())
    return [(row[0], row[1], int(row[2])) for row in words if len(row) == 3]


def _refuse_large(sizes: Mapping[str, int]) -> None:
    """A pack of a few megabytes may hold gigabytes of words."""
    if large := next((each for each, size in sizes.items() if size > _MOST_BYTES), ""):
        raise unjudgeable(
            f"Commit {large} has more than {_MOST_BYTES >> 20} MiB by itself. Make it anew with fewer words."
        )
    if sum(sizes.values()) > _MOST_TOTAL_BYTES:
        raise unjudgeable(
            f"The commits since what was applied have more than {_MOST_TOTAL_BYTES >> 20} MiB by themselves. Apply some"
            " of them first (--rev), or make them anew with fewer words."
        )


def parsed(identity: str, data: bytes) -> Commit:
    """A commit object. Its tree and parents are the first lines, where alone Git looks for them, and who made it comes
    next: a signature in front of a parent would hide that one and stay good. Raises `Untrusted`.
    """
    head, _, message = data.partition(b"\n\n")
    lines = head.split(b"\n")
    tree = lines[0].removeprefix(b"tree ")
    if len(lines) < 2 or tree == lines[0]:
        raise unjudgeable(f"Commit {identity} is damaged; `git fsck` tells more.")
    parents = []
    for line in lines[1:]:
        if not line.startswith(b"parent "):
            break
        parents.append(line.removeprefix(b"parent ").decode("ascii", "replace"))
    author, committer = (*lines[1 + len(parents) : 3 + len(parents)], b"", b"")[:2]
    again = any(line.startswith(_ONCE) for line in lines[3 + len(parents) :])
    if not author.startswith(b"author ") or not committer.startswith(b"committer ") or again:
        raise unjudgeable(f"Commit {identity} is not written as Git writes commits; `git fsck` tells more.")
    signatures, rest = _separated(lines)
    email = author.partition(b"<")[2].partition(b">")[0].decode(errors="replace")  # where Git takes it from
    return Commit(
        id=identity,
        tree=tree.decode("ascii", "replace"),
        parents=tuple(parents),
        email=email if len(email) <= _LONGEST_EMAIL else "",
        message=message.partition(b"\0")[0].decode(errors="replace"),  # Git shows no more of it
        payload=b"\n".join(rest) + data[len(head) :],
        signatures=signatures,
    )


def _separated(lines: list[bytes]) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The signatures of a head, and its other lines: Git signs a commit as it is without them."""
    signatures: list[list[bytes]] = []
    rest: list[bytes] = []
    inside = False
    for line in lines:
        name, _, value = line.partition(b" ")
        if name in _SIGNATURES:
            inside = True
            signatures.append([value])
        elif inside and line.startswith(b" "):
            signatures[-1].append(line[1:])
        else:
            inside = False
            rest.append(line)
    return tuple(b"\n".join(each) + b"\n" for each in signatures), rest


def unjudgeable(detail: str) -> Untrusted:
    """What may not be taken as trusted because it could not be looked at."""
    return Untrusted(error("cannot-be-judged", "commits cannot be judged", detail))
