"""Trees as Git stores them, read strictly.

Whoever pushes can make trees that Git itself never makes, and each of Git's commands takes them in a way of its own: a
name with a slash in it is a file to one, another folder to the next, and no difference at all to a third. So a tree
like that is none that is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import msgspec

from reconciler.source.bulk import Row

FOLDER, PLAIN = 0o040000, 0o100000
_SORT = 0o170000
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0(.{20})", re.DOTALL)
_NEVER = frozenset({".", ".."})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One name in a tree."""

    name: bytes
    mode: int
    id: str

    @property
    def sort(self) -> int:
        """What it is: a `FOLDER`, a `PLAIN` file, or something else."""
        return self.mode & _SORT


def entries(data: bytes) -> list[Entry]:
    """What a tree object has. Raises `ValueError` for one that Git would not make."""
    found: list[Entry] = []
    position = 0
    while position < len(data):
        match = _ENTRY.match(data, position)
        if match is None:
            raise ValueError("an entry cannot be read, or has a name that leads elsewhere")
        found.append(Entry(match[2], int(match[1], 8), match[3].hex()))
        position = match.end()
    names = {each.name for each in found}
    if len(names) < len(found) or any(name.encode() in names for name in _NEVER):
        raise ValueError("one name is there twice, or is none")
    return found


def is_listing(tree: str, rows: Iterable[Row]) -> bool:
    """Whether rows that Git listed are what a tree and those in it have: their ids tell."""
    bodies, ids = {"": bytearray()}, {"": tree}
    for row in rows:
        parent, _, name = row.path.rpartition("/")
        body = bodies.get(parent)
        if body is None or name in _NEVER:
            return False
        body += b"%o %s\0%s" % (row.mode, name.encode("utf-8", "surrogateescape"), bytes.fromhex(row.id))
        if row.mode == FOLDER:
            bodies[row.path], ids[row.path] = bytearray(), row.id
    return all(_id(body) == ids[path] for path, body in bodies.items())


def _id(body: bytearray) -> str:
    return hashlib.sha1(b"tree %d\0%s" % (len(body), body), usedforsecurity=False).hexdigest()
