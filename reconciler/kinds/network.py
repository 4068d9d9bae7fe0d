"""Network: an IPv4 network that lives on one host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from reconciler import cidr
from reconciler.address import ObjectKey
from reconciler.kinds.base import (
    Kind,
    Name,
    Problem,
    Reference,
    Resource,
    ShareWith,
    Spec,
    Text,
    World,
    register,
    resolve,
)
from reconciler.objects import Value, Wanted
from reconciler.suggest import shown

MOST_ADDRESSES = 4096
"""A network's DHCP table is written once for its whole range (4,000 rows cost libvirt 8 ms)."""
DEFAULT_ADDRESSES = 1024
SHORTEST_PREFIX, LONGEST_PREFIX = 8, 30


class Dns(Spec, frozen=True, kw_only=True):
    """Names that the network's own resolver answers."""

    domain: (
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$(?!\n)",
                title="a domain: names joined by dots, in lower case",
                max_length=253,
                description="The domain of instance names in this network.",
            ),
        ]
        | None
    ) = None
    servers: Annotated[
        tuple[str, ...], Meta(max_length=8, description="Resolvers for the guests; the network's own if absent.")
    ] = ()


class NetworkSpec(Spec, frozen=True, kw_only=True):
    """nat reaches the world through its host; isolated reaches nothing but itself."""

    cidr: Annotated[str, Meta(description="The IPv4 network, such as 10.10.0.0/24.")]
    cidr6: Annotated[str, Meta(description="The IPv6 network, such as fd00:10::/64, beside the IPv4 one.")] | None = (
        None
    )
    mode: Annotated[
        Literal["nat", "routed", "isolated", "bridge"], Meta(description="How the network is joined to the rest.")
    ] = "nat"
    physical_network: (
        Annotated[Name, Meta(description="With mode bridge: what the hosts' trusted configuration calls the wire.")]
        | None
    ) = None
    vlan: (
        Annotated[int, Meta(ge=1, le=4094, description="With mode bridge: the VLAN on the wire; untagged if absent.")]
        | None
    ) = None
    addresses: (
        Annotated[str, Meta(description="FROM-TO: the range that instances get addresses from; at most 4,096.")] | None
    ) = None
    gateway: (
        Annotated[str, Meta(description="The host's own address in it; the first usable one if absent.")] | None
    ) = None
    dns: Annotated[Dns, Meta(description="Name service.")] = Dns()
    host: (
        Annotated[Name, Meta(description="The host it lives on; if absent, where its first instance is placed.")] | None
    ) = None
    dhcp: Annotated[
        bool, Meta(description="Whether the network answers DHCP; without, guests read their address from the seed.")
    ] = True
    share_with: ShareWith = ()
    description: Text = ""


def gateway_of(spec: NetworkSpec) -> str | None:
    """The host's address in the network; of one on a wire, the router's there, if it has one."""
    return spec.gateway if spec.gateway or spec.mode == "bridge" else str(ipaddress.IPv4Network(spec.cidr)[1])


def address6_of(spec: NetworkSpec, address: str) -> str | None:
    """The IPv6 address beside an IPv4 one: as far into `cidr6` as that is into `cidr`; None without `cidr6`.

    So it needs no table of its own, and nobody has to hand it out.
    """
    if not spec.cidr6:
        return None
    offset = int(ipaddress.IPv4Address(address)) - int(ipaddress.IPv4Network(spec.cidr)[0])
    return str(ipaddress.IPv6Network(spec.cidr6)[offset])


def gateway6_of(spec: NetworkSpec) -> str | None:
    """The IPv6 address of the gateway, if it has one."""
    gateway = gateway_of(spec)
    return address6_of(spec, gateway) if gateway else None


def range_of(spec: NetworkSpec) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """First and last address for instances; by default what follows the gateway's customary place, up to a bound."""
    if spec.addresses:
        first, _, last = spec.addresses.partition("-")
        return ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
    network = ipaddress.IPv4Network(spec.cidr)
    return network[2], min(
        network[-2], network[DEFAULT_ADDRESSES + 1 if network.num_addresses > DEFAULT_ADDRESSES else -2]
    )


def addresses_of(spec: NetworkSpec) -> Iterator[str]:
    """Every address that an instance may have without declaring it, lowest first; the gateway is left out."""
    first, last = range_of(spec)
    gateway = gateway_of(spec)
    for number in range(int(first), int(last) + 1):
        address = str(ipaddress.IPv4Address(number))
        if address != gateway:
            yield address


def _check(spec: NetworkSpec) -> Iterator[Problem]:
    try:
        network = cidr.parse(spec.cidr)
    except ValueError as problem:
        yield Problem("spec.cidr", "bad-cidr", "not a network", f"{shown(spec.cidr)} is no IPv4 network. {problem}")
        return
    if wrong := _unusable(network):
        yield Problem("spec.cidr", "unusable-cidr", "network cannot be used", f"{network} {wrong}.")
    elif isinstance(network, ipaddress.IPv4Network):
        if spec.gateway is not None:
            yield from _check_address("spec.gateway", spec.gateway, network)
        if spec.addresses is not None:
            yield from _check_range(spec.addresses, network)


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


def _references(resource: Resource) -> Iterator[Reference]:
    if resource.spec.host:
        yield Reference("spec.host", resolve("Host", resource.spec.host, None))


def _fields(spec: NetworkSpec) -> dict[str, Value]:
    fields: dict[str, Value] = {"active": True, "mode": spec.mode, "cidr": spec.cidr}
    if spec.mode == "bridge":
        fields["physicalNetwork"] = spec.physical_network
        fields["vlan"] = spec.vlan
    else:
        first, last = range_of(spec)
        fields |= {"gateway": gateway_of(spec), "addresses": f"{first}-{last}", "dns.domain": spec.dns.domain}
    if spec.cidr6:
        fields |= {"cidr6": spec.cidr6, "gateway6": gateway6_of(spec)}
    if not spec.dhcp and spec.mode != "bridge":
        fields["dhcp"] = False
    if spec.dns.servers:
        fields["dns.servers"] = spec.dns.servers
    return fields


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    spec: NetworkSpec = resource.spec
    for host in world.hosts.get(resource.address, ()):
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields=_fields(spec),
            place=resource.place,
        )


KIND = register(
    Kind(name="Network", scope="project", spec=NetworkSpec, references=_references, check=_check, realise=_realise)
)
