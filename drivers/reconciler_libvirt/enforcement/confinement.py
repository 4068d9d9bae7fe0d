"""How a NIC is confined: its four chains, and the ways into them.

The bridge table pins what a guest may say it is, and keeps everything from it that is not addressed to it; the inet
table then goes by that address alone, for bridged and routed packets alike.
"""

from __future__ import annotations

from typing import Any

from reconciler_libvirt.enforcement.expression import ACCEPT, DROP, errors, field, jump, replies
from reconciler_libvirt.enforcement.layout import Names
from reconciler_libvirt.enforcement.ruleset import Chain, Statement
from reconciler_libvirt.enforcement.state import NicFilter

Entries = dict[str, dict[str, Any]]
"""Elements per verdict map: what leads to the chains."""

_EVERYONE = "255.255.255.255"
_UNKNOWN = "0.0.0.0"  # noqa: S104 - what a host without an address calls itself
_ETHERTYPES = {"set": ["ip", "arp"]}


def inet_chains(nic: NicFilter, names: Names) -> dict[str, Chain]:
    """What reaches the NIC's address and what leaves it."""
    stem = names.nic(nic.instance, nic.nic)
    groups = [names.group(group) for group in nic.groups]
    return {
        f"{stem}-in": _chain(
            [*replies(), ACCEPT],
            [*errors(), ACCEPT],
            [field("ip", "saddr", nic.gateway), *_dhcp_answer(), ACCEPT],
            *([jump(f"{group}-in")] for group in groups),
            [DROP],
        ),
        f"{stem}-out": _chain(
            [*replies(), ACCEPT],
            [*errors(), ACCEPT],
            *([field("ip", "daddr", server), *_dhcp_request(), ACCEPT] for server in (nic.gateway, _EVERYONE)),
            [*_dhcp_answer(), DROP],
            *([jump(f"{group}-out")] for group in groups),
            [DROP],
        ),
    }


def bridge_chains(nic: NicFilter, names: Names) -> dict[str, Chain]:
    """What frames pass from the NIC's tap and towards it.

    The ether type is asked first, as it stands in the frame: the kernel has taken a VLAN tag off by then, and would
    match what is behind it. Guests have no IPv6 yet, so none passes, and neither do router advertisements.
    """
    stem = names.nic(nic.instance, nic.nic)
    tagged = [field("ether", "type", _ETHERTYPES, "!="), DROP]
    sender = field("arp", "saddr ether", nic.mac)
    return {
        f"{stem}-from": _chain(
            tagged,
            [field("ether", "saddr", nic.mac, "!="), DROP],
            [sender, field("arp", "saddr ip", nic.address), ACCEPT],
            # Asking whether an address is taken (RFC 5227) names no sender, so nobody learns anything from it.
            [field("arp", "operation", "request"), sender, field("arp", "saddr ip", _UNKNOWN), ACCEPT],
            [field("ip", "saddr", nic.address), *_dhcp_answer(), DROP],
            [field("ip", "saddr", nic.address), ACCEPT],
            [field("ip", "saddr", _UNKNOWN), field("ip", "daddr", _EVERYONE), *_dhcp_request(), ACCEPT],
            [DROP],
        ),
        f"{stem}-to": _chain(
            tagged,
            [field("ether", "type", "arp"), ACCEPT],
            [field("ip", "daddr", nic.address), ACCEPT],
            [field("ip", "saddr", nic.gateway), field("ip", "daddr", _EVERYONE), *_dhcp_answer(), ACCEPT],
            [DROP],
        ),
    }


def inet_entries(nic: NicFilter, names: Names) -> Entries:
    """Which packets take the chains of the inet table."""
    stem = names.nic(nic.instance, nic.nic)
    return {"in4": {nic.address: jump(f"{stem}-in")}, "out4": {nic.address: jump(f"{stem}-out")}}


def bridge_entries(nic: NicFilter, names: Names) -> Entries:
    """Which frames take the chains of the bridge table."""
    stem = names.nic(nic.instance, nic.nic)
    return {"from-tap": {nic.tap: jump(f"{stem}-from")}, "to-tap": {nic.tap: jump(f"{stem}-to")}}


def _chain(*rules: list[Statement]) -> Chain:
    return Chain(tuple(tuple(rule) for rule in rules))


def _dhcp_request() -> list[Statement]:
    return [field("udp", "sport", 68), field("udp", "dport", 67)]


def _dhcp_answer() -> list[Statement]:
    return [field("udp", "sport", 67), field("udp", "dport", 68)]
