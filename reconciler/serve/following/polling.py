"""When a branch is looked at next. Time and chance are parameters."""

from __future__ import annotations

import msgspec

LONGEST = 900.0
"""Seconds after which a repository that cannot be had is tried again, however long that has been so."""
_SPREAD = 0.1


class Polling(msgspec.Struct, frozen=True, kw_only=True):
    """How often a branch is looked at, `every` so many seconds, and how often in a row that has failed by now."""

    every: float
    failures: int = 0

    def after(self, *, failed: bool) -> Polling:
        """What holds after another look."""
        return msgspec.structs.replace(self, failures=self.failures + 1 if failed else 0)

    def pause(self, chance: float) -> float:
        """Seconds until the next look. `chance`, from 0 to 1, spreads many controllers over a tenth more or less, so
        that they do not all ask one server at once; each failure after the first doubles the pause, up to `LONGEST`.
        """
        doubled = self.every * float(1 << min(max(self.failures - 1, 0), 20))
        return max(self.every, min(doubled, LONGEST)) * (1 - _SPREAD + 2 * _SPREAD * chance)
