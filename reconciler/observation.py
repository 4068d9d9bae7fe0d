"""What hypervisors show: one snapshot per host, which says how much of it was seen."""

from __future__ import annotations

import msgspec

from reconciler.address import ObjectKey
from reconciler.objects import Observed


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a host can do. Memory and disk are bytes. `enforcement` names what filters its guests' traffic
    (`nftables`, or `simulated`), or is empty when nothing does; `enforcement_reason` then says why and what to do.
    """

    host: str
    driver: str
    version: str = ""
    virt_types: tuple[str, ...] = ()
    vcpus: int = 0
    memory: int = 0
    disk: int = 0
    enforcement: str = ""
    enforcement_reason: str = ""


class Foreign(msgspec.Struct, frozen=True, order=True):
    """Something in our way that is not ours, never touched. `claims` is the object of ours whose name it bears."""

    what: str
    name: str
    reason: str
    claims: ObjectKey | None = None


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """All that is ours on the host was seen: only then may absence mean deletion or creation."""


class Partial(msgspec.Struct, frozen=True, tag="partial"):
    """Some of it was seen; `gaps` say what was not."""

    gaps: tuple[str, ...]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Nothing was seen."""

    error: str


Status = Complete | Partial | Failed


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One host, observed once."""

    host: str
    status: Status = Complete()
    facts: HostFacts | None = None
    objects: tuple[Observed, ...] = ()
    foreign: tuple[Foreign, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether absence in this snapshot means absence on the host."""
        return isinstance(self.status, Complete)
