"""A security group rule in canonical form, and its text, which reads back.

Two rules that mean the same are equal, so that a diff of rules never shows what is no difference. The rules follow
Neutron: bare addresses get /32 or /128, a /0 is no constraint, the full port range is no range, ICMP under IPv6 is
ICMPv6.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from reconciler.address import Address

Direction = Literal["ingress", "egress"]
Ethertype = Literal["IPv4", "IPv6"]
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
PORT_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
NUMBERS = {number: name for name, number in PROTOCOLS.items()}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed. `protocol` is a name of `PROTOCOLS`, a number as text, or None for any; `ports` and `icmp` are
    None for any; `group` is the address of a security group as text; without `cidr` and `group`: anyone.
    """

    direction: Direction
    ethertype: Ethertype
    protocol: str | None = None
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int | None] | None = None
    cidr: str | None = None
    group: str | None = None


def canonical(
    *,
    direction: Direction,
    ethertype: Ethertype | None,
    protocol: str | int,
    ports: int | str | None,
    icmp_type: int | None,
    icmp_code: int | None,
    cidr: str | None,
    group: str | None,
) -> Rule:
    """The canonical rule for fields that were checked before (`kinds.security_group`)."""
    network = ipaddress.ip_network(cidr, strict=False) if cidr else None
    family: Ethertype = ethertype or ("IPv6" if network and network.version == 6 else "IPv4")
    return Rule(
        direction=direction,
        ethertype=family,
        protocol=_protocol(protocol, family),
        ports=_ports(ports),
        icmp=None if icmp_type is None else (icmp_type, icmp_code),
        cidr=str(network) if network and network.prefixlen else None,
        group=group,
    )


def _protocol(protocol: str | int, family: Ethertype) -> str | None:
    name = NUMBERS.get(protocol, str(protocol)) if isinstance(protocol, int) else protocol
    if name in ("any", "0"):
        return None
    return "icmpv6" if name == "icmp" and family == "IPv6" else name


def _ports(ports: int | str | None) -> tuple[int, int] | None:
    if ports is None:
        return None
    first, _, last = str(ports).partition("-")
    pair = (int(first), int(last or first))
    return None if pair == (1, 65535) else pair


def render(rule: Rule) -> str:
    """One line for people and for comparison: `ingress IPv4 tcp 22 from 10.0.0.0/8`."""
    words = [rule.direction, rule.ethertype, rule.protocol or "any"]
    if rule.ports:
        first, last = rule.ports
        words.append(str(first) if first == last else f"{first}-{last}")
    if rule.icmp:
        kind, code = rule.icmp
        words.append(f"type {kind}" + ("" if code is None else f" code {code}"))
    words += ["from" if rule.direction == "ingress" else "to", rule.cidr or rule.group or "anyone"]
    return " ".join(words)


_LINE = re.compile(
    r"(?P<direction>ingress|egress) (?P<ethertype>IPv4|IPv6)"
    r" (?:(?P<carrier>tcp|udp|sctp)(?: (?P<ports>[0-9]{1,5}(?:-[0-9]{1,5})?))?"
    r"|(?P<control>icmp|icmpv6)(?: type (?P<type>[0-9]{1,3})(?: code (?P<code>[0-9]{1,3}))?)?"
    r"|(?P<other>any|[0-9]{1,3}))"
    r" (?P<side>from|to) (?P<remote>\S+)"
)
_BYTE = 255
_LAST_PORT = 65535


def parse(line: str) -> Rule:
    """Read `render` back; raises `ValueError` for anything that it would not have said."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is no rendered rule")
    part = match.groupdict()
    remote = part["remote"]
    group = str(Address.parse(remote)) if remote.startswith("SecurityGroup/") else None
    rule = canonical(
        direction="ingress" if part["direction"] == "ingress" else "egress",
        ethertype="IPv4" if part["ethertype"] == "IPv4" else "IPv6",
        protocol=part["carrier"] or part["control"] or _number(part["other"]),
        ports=part["ports"],
        icmp_type=None if part["type"] is None else int(part["type"]),
        icmp_code=None if part["code"] is None else int(part["code"]),
        cidr=None if group or remote == "anyone" else remote,
        group=group,
    )
    if render(rule) != line or not _in_bounds(rule):
        raise ValueError(f"{line!r} is no rendered rule in canonical form")
    return rule


def _number(protocol: str) -> str | int:
    return int(protocol) if protocol.isdigit() else protocol


def _in_bounds(rule: Rule) -> bool:
    first, last = rule.ports or (1, 1)
    numbers = [int(rule.protocol) if rule.protocol and rule.protocol.isdigit() else 0, *(rule.icmp or ())]
    family = ipaddress.ip_network(rule.cidr).version if rule.cidr else None
    return (
        1 <= first <= last <= _LAST_PORT
        and all(number is None or number <= _BYTE for number in numbers)
        and family in (None, 4 if rule.ethertype == "IPv4" else 6)
    )


def in_order(addresses: Iterable[str]) -> tuple[str, ...]:
    """Members of a group: IPv4 before IPv6, each by number and once; what is no address comes last."""
    return tuple(sorted(set(addresses), key=_position))


@functools.lru_cache(maxsize=1 << 17)
def _position(address: str) -> tuple[int, int, str]:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (7, 0, address)
    return (parsed.version, int(parsed), "")
