"""Identities that need no store: everything follows from the fleet id and the resource's origin."""

from __future__ import annotations

import uuid

from reconciler.address import Address


class Identity:
    """Derives the UUIDs, names and MACs of one fleet's objects.

    A UUID is a UUIDv5 of the resource's *origin* in the fleet id's namespace, so that any run, anywhere, derives
    the same one. A define under our UUID can then never overwrite a foreign object (libvirt refuses the clash).
    """

    def __init__(self, fleet_id: str) -> None:
        self.fleet_id = str(uuid.UUID(fleet_id))
        self.prefix = self.fleet_id[:8]
        self._namespace = uuid.UUID(fleet_id)

    def uuid(self, origin: Address, part: str = "") -> str:
        """The UUID of the object that stands for `origin` (or of a part of it)."""
        return str(uuid.uuid5(self._namespace, f"{origin}#{part}" if part else str(origin)))

    def name(self, address: Address, part: str = "") -> str:
        """`<id8>.<project>.<name>[.<part>]`; kinds of the whole fleet have `-` for a project, which no label can be."""
        names = [self.prefix, address.project or "-", address.name]
        return ".".join([*names, part] if part else names)

    def serial(self, origin: Address) -> str:
        """The serial of a volume's disk: 20 characters, all that guests see of it in `/dev/disk/by-id`."""
        return self.short(f"serial {origin}", 20)

    def short(self, text: str, length: int = 10) -> str:
        """A short stable hex digest of `text` in this fleet, for names of bounded length (bridges, taps, chains)."""
        return uuid.uuid5(self._namespace, text).hex[:length]

    def mac(self, network: Address, address: str) -> str:
        """The MAC of whoever holds `address` in `network`, so that a DHCP table depends on its range alone.

        Locally administered, in QEMU's 52:54:00 range.
        """
        tail = uuid.uuid5(self._namespace, f"{network}@{address}").hex[:6]
        return ":".join(["52", "54", "00", tail[0:2], tail[2:4], tail[4:6]])


def owner_of(name: str) -> tuple[str, str | None, str, str] | None:
    """Read `Identity.name` back: (prefix, project, name, part), or None when the name is not of that form."""
    prefix, *rest = name.split(".", 3)
    if len(rest) < 2 or len(prefix) != 8:
        return None
    project, label, *part = rest
    return prefix, None if project == "-" else project, label, part[0] if part else ""
