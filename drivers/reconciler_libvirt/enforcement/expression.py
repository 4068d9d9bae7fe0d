"""The few matches and verdicts that our rules are made of, spelled as nft lists them, so that both compare."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from reconciler.firewall.rule import Ethertype
from reconciler_libvirt.enforcement.ruleset import Statement

ACCEPT: Statement = {"accept": None}
DROP: Statement = {"drop": None}
FAMILIES: dict[Ethertype, int] = {"IPv4": 2, "IPv6": 10}
"""Linux's numbers of the address families."""

ESTABLISHED, RELATED = 2, 4
"""Bits of a packet's connection tracking state."""


def field(protocol: str, name: str, value: Any, op: str = "==") -> Statement:
    """A header field: `tcp dport 22`."""
    return _match({"payload": {"protocol": protocol, "field": name}}, value, op)


def meta(key: str, value: Any) -> Statement:
    """What the kernel knows about a packet beside its headers."""
    return _match({"meta": {"key": key}}, value, "==")


def replies() -> list[Statement]:
    """Packets against the direction in which their connection was begun.

    Established as such is nowhere accepted: whoever began must be allowed to by a rule, packet by packet, so that a
    rule or a member that goes takes its connections along. What the other side sends meanwhile, unacknowledged, still
    counts as replies; a one-sided stream of datagrams ends only with its sender, or by a rule on its own direction.
    """
    return [
        _match({"ct": {"key": "direction"}}, 1, "=="),
        _match({"ct": {"key": "state"}}, [ESTABLISHED, RELATED], "in"),
    ]


def errors(protocol: int) -> list[Statement]:
    """ICMP errors about a connection, either way: a server's path MTU discovery needs those of its clients' routers.
    `protocol` is ICMP's number in the family.
    """
    return [_match({"ct": {"key": "state"}}, RELATED, "in"), meta("l4proto", protocol)]


def one_of(values: Iterable[Any]) -> Any:
    """A set, for a field to be in; nft lists one of a single element as that."""
    first, *more = values
    return {"set": [first, *more]} if more else first


def nd_target(addresses: Iterable[str]) -> Statement:
    """Whom a neighbour solicitation or advertisement is about: 16 bytes behind the ICMPv6 header's eight. Spelled by
    their place, since nft 1.0.6 has no name for them.
    """
    spelled = [f"0x{ipaddress.IPv6Address(address).packed.hex()}" for address in addresses]
    return _match({"payload": {"base": "th", "offset": 64, "len": 128}}, one_of(spelled), "==")


def jump(chain: str) -> Statement:
    """Go on in another chain, and come back when it decides nothing."""
    return {"jump": {"target": chain}}


def dispatch(key: Statement, verdicts: str) -> Statement:
    """Look the chain to jump to up in a verdict map."""
    return {"vmap": {"key": key, "data": f"@{verdicts}"}}


def _match(left: Statement, right: Any, op: str) -> Statement:
    return {"match": {"op": op, "left": left, "right": right}}
