"""Who answers for a commit, and what patterns of the trusted configuration mean."""

from __future__ import annotations

import functools
import re

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """Somebody, under each of the names by which rules may know them. `verified`: a signature vouches for it; else it
    is what the commit says of itself.
    """

    names: tuple[str, ...]
    verified: bool = False

    def __str__(self) -> str:
        who = self.names[0] if self.names else "nobody"
        return who if self.verified else f"{who} (not signed)"


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern means a text; `*` stands for any part of it, and everything else for itself."""
    return _pattern(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=1 << 10)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def covers(pattern: str, path: str) -> bool:
    """Whether a pattern means a file: `**` stands for any part of its path, `*` for any part of one name."""
    return _path(pattern).fullmatch(path) is not None


@functools.lru_cache(maxsize=1 << 10)
def _path(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*)", pattern)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part) or re.escape(part) for part in parts), re.DOTALL)
