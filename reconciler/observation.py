"""What hypervisors show: one snapshot per host, which says how much of it was seen."""

from __future__ import annotations

import msgspec

from reconciler.address import ObjectKey
from reconciler.objects import Observed, Value


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a host can do. Memory and disk are bytes. `enforcement` names what filters its guests' traffic
    (`nftables`, or `simulated`), or is empty when nothing does; `enforcement_reason` then says why and what to do.
    `other_vcpus` and `other_memory` are held by guests that are not ours. `features` are words such as `uefi` and
    `secure-boot`; `pools` has the capacity of each storage pool that may be used by name, `physical_networks` the
    wires that networks of mode bridge may join.
    """

    host: str
    driver: str
    version: str = ""
    virt_types: tuple[str, ...] = ()
    vcpus: int = 0
    memory: int = 0
    disk: int = 0
    other_vcpus: int = 0
    other_memory: int = 0
    features: tuple[str, ...] = ()
    pools: dict[str, int] = {}
    physical_networks: tuple[str, ...] = ()
    enforcement: str = ""
    enforcement_reason: str = ""


class Foreign(msgspec.Struct, frozen=True, order=True):
    """Something in our way that is not ours, never touched. `claims` is the object of ours whose name it bears."""

    what: str
    name: str
    reason: str
    claims: ObjectKey | None = None


class Sighting(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Anything that stands on a host, ours or not, as a first look at an existing estate shows it.

    `kind` is the hypervisor's word (`domain`, `network`, `pool`, `volume`, `filter`). `address` says whose it is when
    it is ours. `details` are for people: state, size, addresses.
    """

    kind: str
    name: str
    uid: str = ""
    address: str = ""
    details: dict[str, Value] = {}


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
    """One host, observed once; or, when it is `assumed`, what a commit would have made of it: nobody looked.

    `look` is a digest of all that it was made from, where the driver has one: two of one `look` are equal.
    """

    host: str
    status: Status = Complete()
    facts: HostFacts | None = None
    objects: tuple[Observed, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    assumed: bool = False
    look: str = ""

    @property
    def complete(self) -> bool:
        """Whether absence in this snapshot means absence on the host."""
        return isinstance(self.status, Complete)
