"""The fleet's tables on one host: what an instance's and a security group's steps call."""

from __future__ import annotations

from reconciler.address import Address
from reconciler.identity import Identity
from reconciler_libvirt.enforcement.nft import Channel
from reconciler_libvirt.enforcement.state import NicFilter, TableState


class Table:
    """One fleet's security groups and NIC filters on one host.

    Each call that writes is one atomic transaction, idempotent, and puts right whatever stands in its way in tables
    of ours. Threads of one process may share a `Table`; the host's lock keeps other processes out. All calls raise
    `DriverError`; those that write also when a table of our name is foreign.
    """

    def __init__(self, identity: Identity, channel: Channel) -> None:
        raise NotImplementedError

    def observe(self) -> TableState:
        """All that the kernel enforces for the fleet; never modifies."""
        raise NotImplementedError

    def apply_group(self, address: Address, rules: tuple[str, ...], members: tuple[str, ...]) -> None:
        """Make a group's rules (lines of `reconciler.firewall.rule`) and members exactly these."""
        raise NotImplementedError

    def remove_group(self, address: Address) -> None:
        """Remove a group. Rules of others that name it then match nobody; refused while a NIC is in it."""
        raise NotImplementedError

    def apply_nic(self, nic: NicFilter) -> None:
        """Confine a NIC; refused unless all of its groups are there."""
        raise NotImplementedError

    def remove_nic(self, instance: Address, nic: str) -> None:
        """Remove what confines a NIC; its tap must be gone or down. The last content takes the tables with it."""
        raise NotImplementedError
