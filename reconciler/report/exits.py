"""Exit codes, by name."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """What a command tells its caller."""

    OK = 0
    ERROR = 1
    """An error, a failed step, or a host that was not completely seen."""
    CHANGES = 2
    """Changes, or consents that are waited for: only where asked for (`--detailed-exitcode`), and `drift`."""
    STALE = 3
    """The plan is stale, or another writer has the host."""
    REFUSED = 4
    """Refused by a guard or a policy."""
    USAGE = 64
    INTERRUPTED = 130
