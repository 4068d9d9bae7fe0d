"""What can be wrong with a network by itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from reconciler import cidr
from reconciler.kinds.base import Problem
from reconciler.kinds.network import NetworkSpec
from reconciler.suggest import shown

MOST_ADDRESSES = 4096
"""A network's DHCP table is written once for its whole range (4,000 rows cost libvirt 8 ms)."""
SHORTEST_PREFIX, LONGEST_PREFIX = 8, 30
SHORTEST_PREFIX6, LONGEST_PREFIX6 = 16, 112


def check(spec: NetworkSpec) -> Iterator[Problem]:
    """The problems of a spec that its types accept."""
    try:
        network = cidr.parse(spec.cidr)
    except ValueError as problem:
        yield Problem("spec.cidr", "bad-cidr", "not a network", f"{shown(spec.cidr)} is no IPv4 network. {problem}")
        network = None
    if network and (wrong := _unusable(network)):
        yield Problem("spec.cidr", "unusable-cidr", "network cannot be used", f"{network} {wrong}.")
    elif isinstance(network, ipaddress.IPv4Network):
        yield from _inside(spec, network)
    yield from _resolvers(spec)
    yield from _of_mode(spec)


def _inside(spec: NetworkSpec, network: ipaddress.IPv4Network) -> Iterator[Problem]:
    """What has to fit into the network."""
    if spec.gateway is not None:
        yield from _check_address("spec.gateway", spec.gateway, network)
    if spec.addresses is not None:
        yield from _check_range(spec.addresses, network)
    if spec.cidr6 is not None:
        yield from _check6(spec.cidr6, network)


def _unusable(network: cidr.Network) -> str:
    """Why a network cannot serve, in words that follow it."""
    if network.version == 6:
        return "is an IPv6 network; write an IPv4 one, such as 10.10.0.0/24"
    if not SHORTEST_PREFIX <= network.prefixlen <= LONGEST_PREFIX:
        return f"has a prefix that is not between /{SHORTEST_PREFIX} and /{LONGEST_PREFIX}"
    if (
        network.is_loopback
        or network.is_link_local
        or network.is_multicast
        or network.is_reserved
        or not int(network[0])
    ):
        return "is reserved for another purpose; choose one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
    return ""


def _check6(text: str, beside: ipaddress.IPv4Network) -> Iterator[Problem]:
    try:
        network = cidr.parse(text, "fd00:10::/64")
    except ValueError as problem:
        yield Problem("spec.cidr6", "bad-cidr", "not a network", f"{shown(text)} is no IPv6 network. {problem}")
        return
    if wrong := _unusable6(network, beside):
        yield Problem("spec.cidr6", "unusable-cidr", "network cannot be used", f"{network} {wrong}.")


def _unusable6(network: cidr.Network, beside: ipaddress.IPv4Network) -> str:
    """Why a network cannot stand beside an IPv4 one, in words that follow it."""
    if network.version == 4:
        return "is an IPv4 network; write an IPv6 one, such as fd00:10::/64"
    if not SHORTEST_PREFIX6 <= network.prefixlen <= LONGEST_PREFIX6:
        return f"has a prefix that is not between /{SHORTEST_PREFIX6} and /{LONGEST_PREFIX6}; /64 is usual"
    if network.num_addresses < beside.num_addresses:
        most = 128 - (beside.max_prefixlen - beside.prefixlen)
        return f"is smaller than {beside}, whose guests are as far into it; write a prefix of at most /{most}"
    if network.is_loopback or network.is_link_local or network.is_multicast or not int(network[0]) >> 96:
        return "is reserved for another purpose; choose one of fd00::/8, or one that your provider gave you"
    return ""


def _check_address(path: str, text: str, network: ipaddress.IPv4Network) -> Iterator[Problem]:
    address = cidr.parse_address(text)
    if address is None:
        yield Problem(path, "bad-address", "not an address", f"{shown(text)} is no IPv4 address.")
    elif address not in network:
        detail = f"{address} is not in {network}."
        yield Problem(path, "address-outside-network", "address is outside its network", detail)
    elif address in (network[0], network[-1]):
        detail = f"{address} is the network or broadcast address of {network}. Choose one between them."
        yield Problem(path, "address-reserved", "address is reserved", detail)


def _check_range(text: str, network: ipaddress.IPv4Network) -> Iterator[Problem]:
    path = "spec.addresses"
    ends = [end.strip() for end in text.split("-")]
    if len(ends) != 2:
        detail = f"{shown(text)} is no range. Write FROM-TO, such as {network[2]}-{network[-2]}."
        yield Problem(path, "bad-range", "not a range of addresses", detail)
        return
    found = [problem for end in ends for problem in _check_address(path, end, network)]
    yield from found
    if not found:
        first, last = (ipaddress.IPv4Address(end) for end in ends)
        if first > last:
            yield Problem(
                path,
                "bad-range",
                "not a range of addresses",
                f"It ends before it begins. Did you mean `{last}-{first}`?",
            )
        elif int(last) - int(first) >= MOST_ADDRESSES:
            detail = f"It has {int(last) - int(first) + 1:,} addresses; {MOST_ADDRESSES:,} are allowed."
            yield Problem(path, "range-too-large", "range is too large", detail)


def _resolvers(spec: NetworkSpec) -> Iterator[Problem]:
    for index, server in enumerate(spec.dns.servers):
        if not cidr.is_address(server):
            detail = f"{shown(server)} is no address, such as 9.9.9.9. A resolver cannot be found by its name."
            yield Problem(f"spec.dns.servers.{index}", "bad-address", "not an address", detail)


def _of_mode(spec: NetworkSpec) -> Iterator[Problem]:
    """Fields that mean something with mode bridge alone, or with the other modes alone."""
    if spec.mode != "bridge":
        named = {"physicalNetwork": spec.physical_network, "vlan": spec.vlan}
        for name in (name for name, value in named.items() if value is not None):
            detail = f"A network of mode {spec.mode} is on no wire. Write `mode: bridge`, or remove this line."
            yield Problem(f"spec.{name}", "only-with-bridge", "field belongs to mode bridge", detail)
        return
    if spec.physical_network is None:
        detail = (
            "Mode bridge joins guests to a wire outside. Add `physicalNetwork`: what the hosts' trusted configuration"
            " calls it."
        )
        yield Problem("spec.mode", "no-physical-network", "bridge to what?", detail)
    if spec.host is not None:
        detail = "A network of mode bridge stands on every host that has an instance in it. Remove this line."
        yield Problem("spec.host", "not-with-bridge", "field does not belong to mode bridge", detail)
    if not spec.dhcp:
        detail = "With mode bridge nobody here answers DHCP: guests read their address from the seed. Remove this line."
        yield Problem("spec.dhcp", "not-with-bridge", "field does not belong to mode bridge", detail)
