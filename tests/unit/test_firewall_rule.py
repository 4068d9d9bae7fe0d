"""Rules that mean the same are equal, and their text reads back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.firewall.rule import Rule, canonical, in_order, parse, render
from tests.support.rules import rules

ANY: dict[str, Any] = {
    "direction": "ingress",
    "ethertype": None,
    "protocol": "any",
    "ports": None,
    "icmp_type": None,
    "icmp_code": None,
    "cidr": None,
    "group": None,
}


def rule(**fields: Any) -> Rule:
    """The canonical rule for what a manifest declares."""
    return canonical(**{**ANY, **fields})


CANONICAL = [
    ({}, "ingress IPv4 any from anyone", "without an ethertype a rule is for IPv4"),
    ({"direction": "egress"}, "egress IPv4 any to anyone", "egress rules say to whom"),
    ({"ethertype": "IPv6"}, "ingress IPv6 any from anyone", "the ethertype is what is declared"),
    ({"cidr": "fd00::/8"}, "ingress IPv6 any from fd00::/8", "else that of the remote"),
    ({"cidr": "10.0.0.1"}, "ingress IPv4 any from 10.0.0.1/32", "a bare IPv4 address is a network of one"),
    ({"cidr": "fd00::1"}, "ingress IPv6 any from fd00::1/128", "a bare IPv6 address too"),
    ({"cidr": "10.1.2.3/8"}, "ingress IPv4 any from 10.0.0.0/8", "host bits mean nothing"),
    ({"cidr": "FD00:0:0::/8"}, "ingress IPv6 any from fd00::/8", "an address has one spelling"),
    ({"cidr": "0.0.0.0/0"}, "ingress IPv4 any from anyone", "/0 is no constraint"),
    ({"cidr": "::/0"}, "ingress IPv6 any from anyone", "but its family stays"),
    ({"protocol": 6}, "ingress IPv4 tcp from anyone", "a number that has a name is that name"),
    ({"protocol": 47}, "ingress IPv4 47 from anyone", "others stay numbers"),
    ({"protocol": 0}, "ingress IPv4 any from anyone", "number 0 is any, as in Neutron"),
    ({"protocol": "tcp", "ports": 22}, "ingress IPv4 tcp 22 from anyone", "one port"),
    ({"protocol": "tcp", "ports": "22"}, "ingress IPv4 tcp 22 from anyone", "one port as text"),
    ({"protocol": "tcp", "ports": "22-22"}, "ingress IPv4 tcp 22 from anyone", "a range of one"),
    ({"protocol": "udp", "ports": "53-60"}, "ingress IPv4 udp 53-60 from anyone", "a range"),
    ({"protocol": "tcp", "ports": "1-65535"}, "ingress IPv4 tcp from anyone", "the full range is none"),
    ({"protocol": "icmp"}, "ingress IPv4 icmp from anyone", "ICMP"),
    ({"protocol": "icmp", "ethertype": "IPv6"}, "ingress IPv6 icmpv6 from anyone", "under IPv6 ICMP is ICMPv6"),
    ({"protocol": 1, "ethertype": "IPv6"}, "ingress IPv6 icmpv6 from anyone", "by number too"),
    ({"protocol": "icmp", "icmp_type": 8}, "ingress IPv4 icmp type 8 from anyone", "a type alone is any code"),
    (
        {"protocol": "icmp", "icmp_type": 0, "icmp_code": 0},
        "ingress IPv4 icmp type 0 code 0 from anyone",
        "0 is a code",
    ),
    ({"group": "SecurityGroup/shop/web"}, "ingress IPv4 any from SecurityGroup/shop/web", "a group"),
]


@pytest.mark.parametrize(("fields", "line", "reason"), CANONICAL, ids=[reason for *_, reason in CANONICAL])
def test_a_rule_has_one_form(fields: dict[str, Any], line: str, reason: str) -> None:
    assert render(rule(**fields)) == line, reason
    assert parse(line) == rule(**fields), reason


@given(rules())
def test_the_text_of_a_rule_reads_back(wanted: Rule) -> None:
    assert parse(render(wanted)) == wanted


@given(st.lists(rules(), unique=True))
def test_different_rules_have_different_texts(wanted: list[Rule]) -> None:
    assert len(set(map(render, wanted))) == len(wanted)


@given(st.text() | st.from_regex(r"(ingress|egress) IPv[46] [a-z0-9 -]{1,20} (from|to) \S{1,20}", fullmatch=True))
def test_text_is_a_rendered_rule_or_a_value_error(text: str) -> None:
    try:
        read = parse(text)
    except ValueError:
        return
    assert render(read) == text


NOT_RENDERED = [
    ("", "nothing"),
    ("ingress IPv4 any from anyone\n", "a line's end"),
    ("ingress IPv4 any to anyone", "ingress comes from somewhere"),
    ("ingress IPv4 tcp 1-65535 from anyone", "the full range is none"),
    ("ingress IPv4 tcp 22-22 from anyone", "a range of one is a port"),
    ("ingress IPv4 tcp 60-53 from anyone", "a range upside down"),
    ("ingress IPv4 tcp 0 from anyone", "no port"),
    ("ingress IPv4 tcp 70000 from anyone", "no port"),
    ("ingress IPv4 tcp 022 from anyone", "a number has one spelling"),
    ("ingress IPv4 6 from anyone", "that is tcp"),
    ("ingress IPv4 300 from anyone", "no protocol"),
    ("ingress IPv4 gre from anyone", "47 has no name here"),
    ("ingress IPv4 47 22 from anyone", "ports are for tcp, udp and sctp"),
    ("ingress IPv4 tcp type 8 from anyone", "types are for ICMP"),
    ("ingress IPv4 icmp code 0 from anyone", "a code needs its type"),
    ("ingress IPv4 icmp type 256 from anyone", "no type"),
    ("ingress IPv6 icmp from anyone", "under IPv6 it is icmpv6"),
    ("ingress IPv4 any from 10.0.0.1", "a network has a length"),
    ("ingress IPv4 any from 0.0.0.0/0", "that is anyone"),
    ("ingress IPv4 any from fd00::/8", "another family"),
    ("ingress IPv4 any from SecurityGroup/a/b/c", "no address of a group"),
    ("unrecognised: drop", "what enforcement says of what is not ours"),
]


@pytest.mark.parametrize(("line", "reason"), NOT_RENDERED, ids=[reason for _, reason in NOT_RENDERED])
def test_text_that_no_rule_renders_to_is_refused(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"rendered rule|no address|IPv4 or IPv6"):
        parse(line)


def test_members_are_in_the_order_of_their_numbers() -> None:
    unordered = ["10.0.0.10", "fd00::2", "10.0.0.9", "9.0.0.1", "fd00::10", "10.0.0.9"]
    assert in_order(unordered) == ("9.0.0.1", "10.0.0.9", "10.0.0.10", "fd00::2", "fd00::10")


def test_what_is_no_address_comes_last_among_members() -> None:
    assert in_order(["zzz", "fd00::1", "10.0.0.1", "aaa"]) == ("10.0.0.1", "fd00::1", "aaa", "zzz")
