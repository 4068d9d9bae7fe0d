"""How a NIC is confined: its four chains, and the ways into them.

The bridge table pins what a guest may say it is, and keeps everything from it that is not addressed to it; the inet
table then goes by that address alone, for bridged and routed packets alike.
"""

from __future__ import annotations

from typing import Any

from reconciler_libvirt.enforcement import neighbours
from reconciler_libvirt.enforcement.expression import ACCEPT, DROP, errors, field, jump, one_of, replies
from reconciler_libvirt.enforcement.layout import Names
from reconciler_libvirt.enforcement.ruleset import Chain, Statement
from reconciler_libvirt.enforcement.state import NicFilter

Entries = dict[str, dict[str, Any]]
"""Elements per verdict map: what leads to the chains."""
Rules = list[list[Statement]]

_EVERYONE = "255.255.255.255"
_UNKNOWN = "0.0.0.0"  # noqa: S104 - what a host without an address calls itself
_ICMP, _ICMPV6 = 1, 58


def inet_chains(nic: NicFilter, names: Names) -> dict[str, Chain]:
    """What reaches the NIC's addresses and what leaves them."""
    stem = names.nic(nic.instance, nic.nic)
    groups = [names.group(group) for group in nic.groups]
    either_way: Rules = [[*replies(), ACCEPT], [*errors(_ICMP), ACCEPT]]
    if nic.address6:
        either_way += [[*errors(_ICMPV6), ACCEPT], [neighbours.unicast(), ACCEPT]]
    answered: Rules = [[field("ip", "saddr", nic.gateway), *_dhcp_answer(), ACCEPT]] if nic.gateway else []
    servers = (nic.gateway, _EVERYONE) if nic.gateway else ()
    return {
        f"{stem}-in": _chain(*either_way, *answered, *([jump(f"{group}-in")] for group in groups), [DROP]),
        f"{stem}-out": _chain(
            *either_way,
            *([field("ip", "daddr", server), *_dhcp_request(), ACCEPT] for server in servers),
            [*_dhcp_answer(), DROP],
            *([jump(f"{group}-out")] for group in groups),
            [DROP],
        ),
    }


def bridge_chains(nic: NicFilter, names: Names) -> dict[str, Chain]:
    """What frames pass from the NIC's tap and towards it.

    The ether type is asked first, as it stands in the frame: the kernel has taken a VLAN tag off by then, and would
    match what is behind it.
    """
    stem = names.nic(nic.instance, nic.nic)
    known = ["ip", "arp", "ip6"] if nic.address6 else ["ip", "arp"]
    tagged = [field("ether", "type", one_of(known), "!="), DROP]
    return {
        f"{stem}-from": _chain(
            tagged,
            [field("ether", "saddr", nic.mac, "!="), DROP],
            *_from4(nic),
            *(neighbours.sent(nic) if nic.address6 else ()),
            [DROP],
        ),
        f"{stem}-to": _chain(tagged, *_to4(nic), *(neighbours.received(nic) if nic.address6 else ()), [DROP]),
    }


def _from4(nic: NicFilter) -> Rules:
    sender = field("arp", "saddr ether", nic.mac)
    asks = [field("ip", "saddr", _UNKNOWN), field("ip", "daddr", _EVERYONE), *_dhcp_request(), ACCEPT]
    return [
        [sender, field("arp", "saddr ip", nic.address), ACCEPT],
        # Asking whether an address is taken (RFC 5227) names no sender, so nobody learns anything from it.
        [field("arp", "operation", "request"), sender, field("arp", "saddr ip", _UNKNOWN), ACCEPT],
        [field("ip", "saddr", nic.address), *_dhcp_answer(), DROP],
        [field("ip", "saddr", nic.address), ACCEPT],
        *([asks] if nic.gateway else ()),
    ]


def _to4(nic: NicFilter) -> Rules:
    offered = [field("ip", "saddr", nic.gateway), field("ip", "daddr", _EVERYONE), *_dhcp_answer(), ACCEPT]
    return [
        [field("ether", "type", "arp"), ACCEPT],
        [field("ip", "daddr", nic.address), ACCEPT],
        *([offered] if nic.gateway else ()),
    ]


def inet_entries(nic: NicFilter, names: Names) -> Entries:
    """Which packets take the chains of the inet table."""
    stem = names.nic(nic.instance, nic.nic)
    entries = {"in4": {nic.address: jump(f"{stem}-in")}, "out4": {nic.address: jump(f"{stem}-out")}}
    if nic.address6:
        entries |= {"in6": {nic.address6: jump(f"{stem}-in")}, "out6": {nic.address6: jump(f"{stem}-out")}}
    return entries


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
