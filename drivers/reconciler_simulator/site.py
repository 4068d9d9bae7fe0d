"""Where a driver works: one fleet on one host, and what that fleet's things are called there."""

from __future__ import annotations

import functools

import msgspec

from reconciler.address import Address, ObjectKey, valid_name
from reconciler.driver import Files, HostConfig
from reconciler.identity import Identity, owner_of
from reconciler.objects import Wanted
from reconciler_simulator.settings import Settings, settings

PARTIAL = ".partial"
"""Ends the name of a volume that is not whole."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One fleet on one host."""

    host: str
    identity: Identity
    files: Files
    settings: Settings

    @classmethod
    def of(cls, config: HostConfig, files: Files) -> Site:
        """The site that a host's configuration describes."""
        found = settings(config.name, config.connection)
        return cls(host=config.name, identity=Identity(config.fleet_id), files=files, settings=found)

    @property
    def fleet_id(self) -> str:
        """The fleet's id; also the comment of its table."""
        return self.identity.fleet_id

    @property
    def table(self) -> str:
        """The name of the fleet's table in the packet filter."""
        return f"reconciler_{self.identity.prefix}"

    def key(self, address: Address, part: str = "") -> ObjectKey:
        """The object that stands for an address here."""
        return ObjectKey(self.host, address, part)

    def named(self, kind: str, name: str) -> tuple[Address, str] | None:
        """The address and part that a name stands for when it bears this fleet's prefix, else None."""
        return _named(self.identity.prefix, kind, name)

    def claims(self, name: str) -> bool:
        """Whether a name bears this fleet's prefix."""
        return name.startswith(self.identity.prefix + ".")

    def tap(self, origin: Address, nic: str) -> str:
        """The name of a NIC's tap device."""
        return "t" + self.identity.short(f"{origin}/{nic}")


@functools.lru_cache(maxsize=1 << 17)
def _named(prefix: str, kind: str, name: str) -> tuple[Address, str] | None:
    """Asked of the same names again and again: by each kind of object, and in every round."""
    match owner_of(name):
        case (owner, project, label, part) if owner == prefix and valid_name(label) and valid_name(project or label):
            return Address(kind, project, label), part
    return None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a step asks for: the wanted object, the commit that wants it, and how far the change may reach.

    `waiting` are the fields that are wanted as they were observed, because their change is not granted.
    """

    wanted: Wanted
    commit: str
    waiting: tuple[str, ...]
    may_live: bool
    may_restart: bool
    may_rebuild: bool
