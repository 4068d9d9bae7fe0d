"""Security group rules as nftables rules, and back.

Reading is held to writing: a rule that does not compile to exactly what the kernel holds is no rule of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.firewall.rule import PORT_PROTOCOLS, PROTOCOLS, Direction, Ethertype, Rule, canonical, parse, render
from reconciler_libvirt.enforcement.expression import ACCEPT, FAMILIES, field, meta
from reconciler_libvirt.enforcement.ruleset import Expression, Statement, same, stem, unrecognised

_HEADERS: dict[Ethertype, str] = {"IPv4": "ip", "IPv6": "ip6"}
_ETHERTYPES: dict[str, Ethertype] = {header: family for family, header in _HEADERS.items()}
_SIDES = {"ingress": "saddr", "egress": "daddr"}
_SUFFIXES = {"IPv4": "-4", "IPv6": "-6"}


def members_of(group: str, ethertype: str) -> str:
    """The set that holds a group's members of one family; `group` is the stem of its names."""
    return group + _SUFFIXES[ethertype]


def expression(rule: Rule, stem_of: Callable[[str], str]) -> Expression:
    """`rule` as nft lists it; `stem_of` gives the stem of a group's chains and sets.

    What is asked last is the family or the remote: asked first, nft takes a family for implied by some protocols that
    follow, and does not list it.
    """
    return (*_protocol(rule), _remote(rule, stem_of), ACCEPT)


def _remote(rule: Rule, stem_of: Callable[[str], str]) -> Statement:
    header, side = _HEADERS[rule.ethertype], _SIDES[rule.direction]
    if rule.group:
        return field(header, side, f"@{members_of(stem_of(rule.group), rule.ethertype)}")
    return field(header, side, _network(rule.cidr)) if rule.cidr else meta("nfproto", FAMILIES[rule.ethertype])


def _network(cidr: str) -> Any:
    network = ipaddress.ip_network(cidr)
    address = str(network.network_address)
    return address if network.num_addresses == 1 else {"prefix": {"addr": address, "len": network.prefixlen}}


def _protocol(rule: Rule) -> list[Statement]:
    if rule.protocol is None:
        return []
    if rule.ports:
        first, last = rule.ports
        return [field(rule.protocol, "dport", first if first == last else {"range": [first, last]})]
    if rule.icmp:
        kind, code = rule.icmp
        header = "icmp" if rule.ethertype == "IPv4" else "icmpv6"
        return [field(header, "type", kind), *([] if code is None else [field(header, "code", code)])]
    return [meta("l4proto", PROTOCOLS.get(rule.protocol) or int(rule.protocol))]


def line(direction: Direction, rule: Expression, groups: Mapping[str, str], stem_of: Callable[[str], str]) -> str:
    """The rule as a line; `groups` maps the stems of groups to their addresses as text, and `stem_of` back."""
    try:
        facts: dict[str, Any] = {**_ANY, **_facts(rule)}
        if facts["group"]:
            facts["group"] = groups[facts["group"]]
        text = render(canonical(direction=direction, **facts))
        if same((expression(parse(text), stem_of),), (rule,)):
            return text
    except (KeyError, ValueError, TypeError, AttributeError, IndexError):
        pass  # said in words that we never use
    return unrecognised(rule)


_ANY: dict[str, Any] = {
    "ethertype": None,
    "protocol": "any",
    "ports": None,
    "icmp_type": None,
    "icmp_code": None,
    "cidr": None,
    "group": None,
}
_FAMILY_NAMES = {number: name for name, number in FAMILIES.items()}


def _facts(rule: Expression) -> dict[str, Any]:
    """What the matches of a rule say, taken at their word: whether they say only that is for the caller to prove."""
    facts: dict[str, Any] = {}
    for statement in rule[:-1]:
        left, right = statement["match"]["left"], statement["match"]["right"]
        if "meta" in left:
            facts |= _meta_fact(left["meta"]["key"], right)
        else:
            facts |= _header_fact(left["payload"]["protocol"], left["payload"]["field"], right)
    return facts


def _meta_fact(key: str, value: Any) -> dict[str, Any]:
    return {"ethertype": _FAMILY_NAMES[value]} if key == "nfproto" else {"protocol": value}


def _header_fact(header: str, name: str, value: Any) -> dict[str, Any]:
    if header in PORT_PROTOCOLS:
        first, last = value["range"] if isinstance(value, dict) else (value, value)
        return {"protocol": header, "ports": f"{first}-{last}"}
    if header in ("icmp", "icmpv6"):
        return {"protocol": "icmp", f"icmp_{name}": value}
    facts: dict[str, Any] = {"ethertype": _ETHERTYPES[header]}
    if isinstance(value, dict):
        return facts | {"cidr": f"{value['prefix']['addr']}/{value['prefix']['len']}"}
    return facts | ({"group": stem(value)} if value.startswith("@") else {"cidr": value})
