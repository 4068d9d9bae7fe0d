"""The few matches and verdicts that our rules are made of, spelled as nft lists them, so that both compare."""

from __future__ import annotations

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


def errors() -> list[Statement]:
    """ICMP errors about a connection, either way: a server's path MTU discovery needs those of its clients' routers."""
    return [_match({"ct": {"key": "state"}}, RELATED, "in"), meta("l4proto", 1)]


def jump(chain: str) -> Statement:
    """Go on in another chain, and come back when it decides nothing."""
    return {"jump": {"target": chain}}


def dispatch(key: Statement, verdicts: str) -> Statement:
    """Look the chain to jump to up in a verdict map."""
    return {"vmap": {"key": key, "data": f"@{verdicts}"}}


def _match(left: Statement, right: Any, op: str) -> Statement:
    return {"match": {"op": op, "left": left, "right": right}}
