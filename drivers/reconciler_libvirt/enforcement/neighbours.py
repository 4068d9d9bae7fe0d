"""What IPv6 needs between neighbours, and what nobody but a router may say.

A guest has the address that it is given, and the link-local one that follows from its MAC. Under the latter it may do
nothing but find neighbours and join multicast groups, so that no group has to speak of it. Routers are told by the
seed: advertisements and redirects neither leave a guest nor reach one.
"""

from __future__ import annotations

import ipaddress

from reconciler_libvirt.enforcement.expression import ACCEPT, DROP, field, nd_target, one_of
from reconciler_libvirt.enforcement.ruleset import Statement
from reconciler_libvirt.enforcement.state import NicFilter

SOLICIT, ADVERTISE = "nd-neighbor-solicit", "nd-neighbor-advert"
ROUTERS = ("nd-router-advert", "nd-redirect")
QUERY = "mld-listener-query"
REPORTS = ("mld-listener-report", "mld-listener-done", "mld2-listener-report")
_SOLICIT, _ADVERTISE = 135, 136
_UNKNOWN, _ALL_NODES = "::", "ff02::1"
_FLIP = 0x02


def link_local(mac: str) -> str:
    """The address that a host gives itself on a link, by its MAC (RFC 4291, appendix A)."""
    parts = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([parts[0] ^ _FLIP]) + parts[1:3] + b"\xff\xfe" + parts[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + interface))


def solicited(address: str) -> str:
    """Where those ask who look for the holder of an address (RFC 4291, 2.7.1)."""
    return str(ipaddress.IPv6Address(ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + _tail(address)))


def _tail(address: str) -> bytes:
    return ipaddress.IPv6Address(address).packed[13:]


def unicast() -> Statement:
    """Neighbour discovery from or to an address that the inet table knows. Connection tracking leaves it alone."""
    return field("icmpv6", "type", one_of([_SOLICIT, _ADVERTISE]))


def sent(nic: NicFilter) -> list[list[Statement]]:
    """What a guest says: about itself alone, and only under its own addresses."""
    own = [nic.address6, link_local(nic.mac)]
    return [
        [field("ip6", "saddr", one_of(own)), field("icmpv6", "type", ADVERTISE), nd_target(own), ACCEPT],
        [field("icmpv6", "type", one_of([ADVERTISE, *ROUTERS])), DROP],
        # Asking whether an address is taken (RFC 4862) names no sender.
        [field("ip6", "saddr", _UNKNOWN), field("icmpv6", "type", SOLICIT), nd_target(own), ACCEPT],
        [field("ip6", "saddr", own[1]), field("icmpv6", "type", one_of([SOLICIT, *REPORTS])), ACCEPT],
        [field("ip6", "saddr", _UNKNOWN), field("icmpv6", "type", one_of(REPORTS)), ACCEPT],
        [field("ip6", "saddr", nic.address6), field("udp", "sport", 547), field("udp", "dport", 546), DROP],
        [field("ip6", "saddr", nic.address6), ACCEPT],
    ]


def received(nic: NicFilter) -> list[list[Statement]]:
    """What reaches a guest: what is for its address, and neighbour discovery."""
    own = [nic.address6, link_local(nic.mac)]
    asked = sorted({solicited(address) for address in own})
    return [
        [field("icmpv6", "type", one_of(ROUTERS)), DROP],
        [field("ip6", "daddr", nic.address6), ACCEPT],
        [field("ip6", "daddr", own[1]), field("icmpv6", "type", one_of([SOLICIT, ADVERTISE])), ACCEPT],
        [field("ip6", "daddr", one_of(asked)), field("icmpv6", "type", SOLICIT), ACCEPT],
        [field("ip6", "daddr", _ALL_NODES), field("icmpv6", "type", one_of([ADVERTISE, QUERY])), ACCEPT],
    ]
