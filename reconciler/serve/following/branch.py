"""What a controller sees of the branch that it follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """The branch's newest commit as last seen (40 hex digits; empty when there is none), and why it may be stale."""

    commit: str
    problem: str = ""


class Follower(Protocol):
    """Looks at a branch. `repository` has the objects of every commit that `look` has given."""

    repository: Path

    def look(self) -> Tip:
        """The newest commit, fetched where that is needed. Takes seconds at most, and raises nothing: what hinders is
        the tip's `problem`, and the commit is then the last that was seen.
        """

    def rewound(self, before: str, tip: str) -> bool:
        """Whether the branch was taken back or written anew: `tip` does not come after `before`, or it cannot be told.
        `before` is empty when there was nothing before.
        """

    def watching(self, hint: Callable[[], None]) -> AbstractContextManager[None]:
        """While the context lasts, call `hint` from any thread when it may be worth looking before it is due."""

    def share(self) -> str:
        """Hand the record on to where the branch comes from, if that is elsewhere. Why it could not be, or nothing;
        raises nothing.
        """
