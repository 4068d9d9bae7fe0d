"""The fleet's tables on one host: what an instance's and a security group's steps call."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.identity import Identity
from reconciler_libvirt.enforcement import edit
from reconciler_libvirt.enforcement.labels import is_marked
from reconciler_libvirt.enforcement.layout import Names, Tables
from reconciler_libvirt.enforcement.nft import Channel, Nft
from reconciler_libvirt.enforcement.reading import table_state
from reconciler_libvirt.enforcement.ruleset import Ruleset, from_kernel
from reconciler_libvirt.enforcement.state import GroupState, NicFilter, TableState
from reconciler_libvirt.enforcement.transaction import transaction

FAMILIES = ("inet", "bridge")
_ATTEMPTS = 5


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: both tables, or why they are foreign. `dormant`: one of them is, so that neither enforces."""

    tables: Tables = Tables()
    foreign: str = ""
    dormant: bool = False


class Table:
    """One fleet's security groups and NIC filters on one host.

    Each call that writes is one atomic transaction, idempotent, and puts right whatever stands in its way in tables
    of ours. Threads of one process may share a `Table`; the host's lock keeps other processes out. All calls raise
    `DriverError`; those that write also when a table of our name is foreign.
    """

    def __init__(self, identity: Identity, channel: Channel) -> None:
        self._names = Names(identity)
        self._nft = Nft(channel)
        self._lock = threading.Lock()

    def observe(self) -> TableState:
        """All that the kernel enforces for the fleet; never modifies. Dormant tables enforce nothing."""
        with self._lock:
            seen = self._read()
        return TableState(foreign=seen.foreign) if seen.foreign else table_state(seen.tables, self._names)

    def apply_group(
        self,
        address: Address,
        rules: tuple[str, ...],
        members: tuple[str, ...],
        note: str = "",
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a group's rules (lines of `reconciler.firewall.rule`), members and note exactly these. `announce` is
        called right before anything is written; it is not when all of it stands.
        """
        group = GroupState(rules=rules, members=members, note=note)
        self._change(lambda tables: edit.with_group(tables, self._names, address, group), announce)

    def remove_group(self, address: Address) -> None:
        """Remove a group. Rules of others that name it then match nobody; refused while a NIC is in it."""
        self._change(lambda tables: edit.without_group(tables, self._names, address))

    def apply_nic(self, nic: NicFilter) -> None:
        """Confine a NIC; refused unless all of its groups are there."""
        ordered = msgspec.structs.replace(nic, mac=nic.mac.lower(), groups=tuple(sorted(set(nic.groups))))
        self._change(lambda tables: edit.with_nic(tables, self._names, ordered))

    def remove_nic(self, instance: Address, nic: str) -> None:
        """Remove what confines a NIC; its tap must be gone or down. The last content takes the tables with it."""
        self._change(lambda tables: edit.without_nic(tables, self._names, instance, nic))

    def _change(self, edited: Callable[[Tables], Tables], announce: Callable[[], None] = lambda: None) -> None:
        with self._lock:
            seen = self._read()
            if seen.dormant and not seen.foreign:
                self._nft.commit([{"add": {"table": {"family": each, "name": self._names.table}}} for each in FAMILIES])
                seen = self._read()
            if seen.foreign:
                raise DriverError(ErrorClass.YOURS, seen.foreign)
            before, after, name = seen.tables, edited(seen.tables), self._names.table
            commands = [
                *transaction("inet", name, before.inet, after.inet),
                *transaction("bridge", name, before.bridge, after.bridge),
            ]
            if commands:
                announce()
                self._nft.commit(commands)

    def _read(self) -> _Seen:
        """Both tables. Another process may take one away, or bring it, between their being listed and read."""
        for _ in range(_ATTEMPTS):
            there = self._nft.tables()
            try:
                return self._read_listed(there)
            except DriverError:
                if there == self._nft.tables():
                    raise
        raise DriverError(ErrorClass.TRANSIENT, f"the nftables tables {self._names.table} come and go while read")

    def _read_listed(self, there: frozenset[tuple[str, str]]) -> _Seen:
        found: dict[str, Ruleset] = {}
        for family in FAMILIES:
            if (family, self._names.table) not in there:
                continue
            try:
                found[family] = from_kernel(self._nft.read(family, self._names.table))
            except DriverError:
                text = self._nft.sleeping(family, self._names.table)
                if not text:
                    raise
                marked = f'comment "{self._names.fleet}"' in text
                return _Seen(dormant=True, foreign="" if marked else self._foreign(family))
            if not is_marked(found[family], self._names.fleet):
                return _Seen(foreign=self._foreign(family))
        return _Seen(tables=Tables(**found))

    def _foreign(self, family: str) -> str:
        table = f"{family} {self._names.table}"
        return (
            f"nftables table {table} does not bear the mark of this fleet ({self._names.fleet}), so it is not touched "
            f"and security groups cannot be enforced; remove it with `nft delete table {table}` if nobody needs it"
        )
