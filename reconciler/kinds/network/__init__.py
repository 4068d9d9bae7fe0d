"""Network: what a manifest of one says, and the addresses in it."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from reconciler.kinds.base import Name, ShareWith, Spec, Text

DEFAULT_ADDRESSES = 1024


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
        tuple[str, ...],
        Meta(max_length=8, description="Resolvers for the guests, in this order; the network's own if absent."),
    ] = ()


class NetworkSpec(Spec, frozen=True, kw_only=True):
    """A local network (nat, routed or isolated) lives on one host; one of mode bridge is a wire that hosts share, and
    stands wherever an instance needs it. Networks that are on one host may not overlap.
    """

    cidr: Annotated[str, Meta(description="The IPv4 network, such as 10.10.0.0/24.")]
    cidr6: (
        Annotated[
            str,
            Meta(
                description="The IPv6 network beside it, such as fd00:10::/64. A guest is as far into it as into `cidr`"
                ": beside 10.10.0.5 it is fd00:10::5."
            ),
        ]
        | None
    ) = None
    mode: Annotated[
        Literal["nat", "routed", "isolated", "bridge"],
        Meta(
            description="nat: guests reach the world under their host's address. routed: under their own, and the world"
            " reaches them where its routers know the way. isolated: they reach each other alone. bridge: they are on a"
            " wire outside, beside other machines."
        ),
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
        Annotated[
            str,
            Meta(
                description="The host's own address in it; the first usable one if absent. With mode bridge: the router"
                " on the wire; if absent guests have no default route there."
            ),
        ]
        | None
    ) = None
    dns: Annotated[Dns, Meta(description="Name service.")] = Dns()
    host: (
        Annotated[
            Name,
            Meta(description="The host that a local network lives on; if absent, where its first instance is placed."),
        ]
        | None
    ) = None
    dhcp: Annotated[
        bool,
        Meta(
            description="Whether a local network answers DHCP; without, and with mode bridge, guests read their address"
            " from the seed."
        ),
    ] = True
    share_with: ShareWith = ()
    description: Text = ""


def gateway_of(spec: NetworkSpec) -> str | None:
    """The host's address in the network; of one on a wire, the router's there, if it has one."""
    return spec.gateway if spec.gateway or spec.mode == "bridge" else _customary_gateway(spec.cidr)


@functools.cache
def _customary_gateway(cidr: str) -> str:
    """Asked for by every NIC of a network."""
    return str(ipaddress.IPv4Network(cidr)[1])


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
