"""How a controller works."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a controller works. Times are seconds: `poll` is how often the branch is looked at, `resync` how often the
    hosts are, `lease` how long a silent controller is waited for. `until_idle`: it ends once the branch's commit was
    carried out or turned down, and nobody follows it. `publish_key` signs what is published; empty: nothing is.
    """

    branch: str
    fleet_id: str = ""
    poll: float = 60.0
    resync: float = 600.0
    lease: float = 15.0
    until_idle: bool = False
    publish_key: str = ""
