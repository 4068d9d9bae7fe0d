"""The scene: real packets between network namespaces on a bridge.

A namespace stands for the host, with the fleet's tables, and one for each guest; a veth's host end is its tap. A
`neighbour` hangs on the same bridge unfiltered, as a physical port would; `outside` is routed by the host.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from reconciler.address import Address
from reconciler.identity import Identity
from reconciler_libvirt.enforcement import NicFilter, Table
from reconciler_libvirt.enforcement.layout import Names
from tests.support.spaces import Space, listener, spaces

GATEWAY, A, B, C, NEIGHBOUR, OUTSIDE = (
    "10.77.0.1",
    "10.77.0.11",
    "10.77.0.12",
    "10.77.0.13",
    "10.77.0.99",
    "198.51.100.2",
)
NETWORK6, OUTSIDE6 = "fd00:77::", "2001:db8:51::2"
BROADCAST = "ff:ff:ff:ff:ff:ff"
SSH = "ingress IPv4 tcp 22 from anyone"
WEB = Address("SecurityGroup", "shop", "web")
DB = Address("SecurityGroup", "shop", "db")
FLEET = Identity("6d1a66f4-7d0a-4d0f-9a53-0f6d8d4a2f10")
NAMES = Names(FLEET)
RULES = ("egress IPv4 any to anyone", f"ingress IPv4 tcp 22 from {DB}", "ingress IPv6 icmpv6 type 128 from anyone")


def mac_of(address: str) -> str:
    """A MAC that follows from the address."""
    return f"52:54:00:00:00:{int(address.rpartition('.')[2]):02x}"


def six(address: str) -> str:
    """The IPv6 address beside an IPv4 one of the network."""
    return NETWORK6 + f"{int(address.rpartition('.')[2]):x}"


class Net(msgspec.Struct):
    """The whole scene."""

    host: Space
    guests: dict[str, Space]
    neighbour: Space
    outside: Space


@contextlib.contextmanager
def scene() -> Iterator[Net]:
    """Three guests, a neighbour and an outside around a host."""
    with spaces(6) as (host, a, b, c, neighbour, outside):
        host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        host.ip("link add br0 type bridge", f"addr add {GATEWAY}/24 dev br0", "link set br0 up")
        host.ip(f"addr add {six(GATEWAY)}/64 dev br0 nodad")
        guests = {A: a, B: b, C: c}
        for name, (address, space) in zip("abcn", [*guests.items(), (NEIGHBOUR, neighbour)], strict=True):
            _plug(host, space, f"tap-{name}", address)
            space.ip(f"addr add {six(address)}/64 dev eth0 nodad")
            space.ip(f"route add default via {GATEWAY}", f"route add default via {six(GATEWAY)}")
            host.ip(f"link set tap-{name} master br0")
        _plug(host, outside, "veth-out", OUTSIDE)
        host.ip("addr add 198.51.100.1/24 dev veth-out", "addr add 2001:db8:51::1/64 dev veth-out nodad")
        outside.ip(f"addr add {OUTSIDE6}/64 dev eth0 nodad")
        outside.ip("route add default via 198.51.100.1", "route add default via 2001:db8:51::1")
        servers = [listener(space, port) for space in guests.values() for port in (22, 80)]
        servers += [listener(host, 8080), listener(outside, 8080)]
        yield Net(host, guests, neighbour, outside)
        for server in servers:
            server.close()


def _plug(host: Space, space: Space, tap: str, address: str) -> None:
    host.ip(
        f"link add {tap} type veth peer name eth0 address {mac_of(address)} netns {space.pid}", f"link set {tap} up"
    )
    space.ip("link set eth0 up", f"addr add {address}/24 dev eth0")


def clear(table: Table) -> None:
    """Remove all of a fleet."""
    state = table.observe()
    for instance, nic in state.nics:
        table.remove_nic(instance, nic)
    for group in state.groups:
        table.remove_group(group)


def nic(address: str, *groups: Address) -> NicFilter:
    """The NIC of the guest with that address."""
    name = {A: "a", B: "b", C: "c"}[address]
    return NicFilter(
        instance=Address("Instance", "shop", name),
        nic="lan",
        tap=f"tap-{name}",
        mac=mac_of(address),
        address=address,
        address6=six(address),
        gateway=GATEWAY,
        groups=groups,
    )


def furnish(table: Table) -> None:
    """Two groups, one with rules and members; a NIC in both of them, and another NIC."""
    table.apply_group(DB, (), (C, "fd00::13"))
    table.apply_group(WEB, RULES, (A,))
    table.apply_nic(nic(C, DB))
    table.apply_nic(nic(A, WEB, DB))
