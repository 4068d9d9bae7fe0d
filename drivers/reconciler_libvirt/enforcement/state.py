"""What enforcement is told and what it tells: values, free of any notion of how nftables spells them."""

from __future__ import annotations

import msgspec

from reconciler.address import Address


class NicFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What confines one NIC: whose it is (`instance` and the name of the `nic` there), the `tap` device that it has
    on the host, and the `mac`, IPv4 `address` and IPv6 `address6` that it may bear; without one it has no IPv6 at all.
    `gateway` is its network's own address, the only one that may answer its DHCP requests; without one nobody may.
    `groups` are the security groups that allow what is not denied by default.
    """

    instance: Address
    nic: str
    tap: str
    mac: str
    address: str
    address6: str = ""
    gateway: str = ""
    groups: tuple[Address, ...] = ()


class NicState(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel holds for a NIC. `intact`: it enforces exactly that; otherwise `reason` says what is amiss."""

    address: str
    mac: str
    tap: str
    gateway: str
    address6: str
    groups: tuple[Address, ...]
    intact: bool
    reason: str = ""


class GroupState(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel holds for a security group: rules as lines of `reconciler.firewall.rule`, sorted, and members
    sorted by address. What is not of our making reads `unrecognised: …`, and so differs from all that is wanted.
    `note` is what its writer left beside it: words without meaning here.
    """

    rules: tuple[str, ...]
    members: tuple[str, ...]
    note: str = ""


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """All that one fleet enforces on a host. `foreign` says why nothing can be enforced: a table of our name that is
    not ours. `stray` names what is in our tables without being of our making, and touches no NIC of ours.
    """

    groups: dict[Address, GroupState] = {}
    nics: dict[tuple[Address, str], NicState] = {}
    foreign: str = ""
    stray: tuple[str, ...] = ()
