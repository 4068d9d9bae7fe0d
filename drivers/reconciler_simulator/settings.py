"""What a make-believe host is made of: its section of the trusted configuration. All of it may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from reconciler import quantity
from reconciler.driver import DriverError, ErrorClass
from reconciler.prepared import prepared

Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1, max_length=63)]


@prepared
class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`state` is the path of the host's state file. Sizes are bytes, or written as in manifests (`64Gi`).

    `pools` has the size of each storage pool beside the fleet's own, `physical_networks` the wires that networks of
    mode bridge can join (without a word about it: one, `lan`); `features` are words as in `HostFacts`.
    """

    state: Annotated[str, Meta(min_length=1)]
    vcpus: Count = 16384
    memory: Count | str = 64 << 40
    disk: Count | str = 1024 << 40
    pools: dict[Name, Count | str] = {}
    physical_networks: tuple[Name, ...] = ("lan",)
    features: tuple[Name, ...] = ("secure-boot", "uefi")

    def pool_sizes(self) -> dict[str, int]:
        """The sizes of the pools in bytes."""
        return {name: in_bytes(size) for name, size in self.pools.items()}


def settings(host: str, connection: Mapping[str, object]) -> Settings:
    """Read a host's section; raises `DriverError` (yours)."""
    try:
        found = msgspec.convert(connection, Settings)
        for size in (found.memory, found.disk, *found.pools.values()):
            in_bytes(size)
    except ValueError as mistake:
        raise DriverError(ErrorClass.YOURS, f"host {host}: {mistake}") from None
    return found


def in_bytes(size: int | str) -> int:
    """A size in bytes; raises `ValueError`."""
    return quantity.parse(size) if isinstance(size, str) else size
