"""Identities that need no store: everything follows from the fleet id and the resource's origin."""

from __future__ import annotations

import hashlib
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
        self._namespace = uuid.UUID(fleet_id).bytes

    def uuid(self, origin: Address, part: str = "") -> str:
        """The UUID of the object that stands for `origin` (or of a part of it)."""
        digits = self._digits(f"{origin}#{part}" if part else str(origin))
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def name(self, address: Address, part: str = "") -> str:
        """`<id8>.<project>.<name>[.<part>]`; kinds of the whole fleet have `-` for a project, which no label can be."""
        names = [self.prefix, address.project or "-", address.name]
        return ".".join([*names, part] if part else names)

    def serial(self, origin: Address) -> str:
        """The serial of a volume's disk: 20 characters, all that guests see of it in `/dev/disk/by-id`."""
        return self.short(f"serial {origin}", 20)

    def short(self, text: str, length: int = 10) -> str:
        """A short stable hex digest of `text` in this fleet, for names of bounded length (bridges, taps, chains)."""
        return self._digits(text)[:length]

    def mac(self, network: Address, address: str) -> str:
        """The MAC of whoever holds `address` in `network`, so that a DHCP table depends on its range alone.

        Locally administered, in QEMU's 52:54:00 range.
        """
        tail = self._digits(f"{network}@{address}")
        return ":".join(["52", "54", "00", tail[0:2], tail[2:4], tail[4:6]])

    def _digits(self, text: str) -> str:
        """The hex digits of the UUIDv5 of a text (RFC 9562, 5.5). `uuid.uuid5` says the same three times slower, and
        every NIC of a fleet needs several in each run.
        """
        digest = bytearray(hashlib.sha1(self._namespace + text.encode(), usedforsecurity=False).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x50
        digest[8] = digest[8] & 0x3F | 0x80
        return digest.hex()


def owner_of(name: str) -> tuple[str, str | None, str, str] | None:
    """Read `Identity.name` back: (prefix, project, name, part), or None when the name is not of that form."""
    prefix, *rest = name.split(".", 3)
    if len(rest) < 2 or len(prefix) != 8:
        return None
    project, label, *part = rest
    return prefix, None if project == "-" else project, label, part[0] if part else ""
