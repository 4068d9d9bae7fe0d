"""IPv6: what guests may say they are, what reaches them, and what their groups let through."""

from __future__ import annotations

import socket
import struct

import pytest
from msgspec.structs import replace

from reconciler_libvirt.enforcement import Table
from reconciler_libvirt.enforcement.neighbours import link_local, solicited
from tests.support.enforced import BROADCAST, DB, GATEWAY, NEIGHBOUR, OUTSIDE6, WEB, A, B, C, Net, mac_of, nic, six
from tests.support.spaces import ARRIVES, Space, frame, icmp6, opens, receives, udp6, wire

pytestmark = pytest.mark.libvirtd

IPV6, VLAN = 0x86DD, 0x8100
SOLICIT, ADVERTISE, ROUTER, REDIRECT, REPORT = 135, 136, 134, 137, 143
MARK = b"a mark to know it by"
ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::16"
OPEN = ("egress IPv4 any to anyone", "egress IPv6 any to anyone", "ingress IPv6 any from anyone")
A6, B6, C6, NEIGHBOUR6 = six(A), six(B), six(C), six(NEIGHBOUR)
OWN = link_local(mac_of(A))


def from_a(packet: bytes, source: str = mac_of(A)) -> bytes:
    """A frame that guest A sends to everybody."""
    return frame(BROADCAST, source, IPV6, packet)


def about(kind: int, target: str, source: str, to: str = ALL_NODES) -> bytes:
    """A neighbour solicitation or advertisement about `target`; what stands for an option bears the mark."""
    body = bytes(4) + socket.inet_pton(socket.AF_INET6, target) + b"\xfd\x03" + MARK + bytes(2)
    return icmp6(source, to, kind, body)


def marked(kind: int, source: str, to: str) -> bytes:
    """Any other ICMPv6 message that bears the mark."""
    return icmp6(source, to, kind, bytes(4) + MARK)


PASSING = {
    "its own address": from_a(udp6((A6, 4000), (NEIGHBOUR6, 4000), MARK)),
    "asking under its own address": from_a(about(SOLICIT, NEIGHBOUR6, A6, solicited(NEIGHBOUR6))),
    "asking under its link-local address": from_a(about(SOLICIT, NEIGHBOUR6, OWN, solicited(NEIGHBOUR6))),
    "asking whether its address is taken": from_a(about(SOLICIT, A6, "::", solicited(A6))),
    "telling about its address": from_a(about(ADVERTISE, A6, A6)),
    "telling about its link-local address": from_a(about(ADVERTISE, OWN, OWN)),
    "joining a multicast group": from_a(marked(REPORT, OWN, ALL_ROUTERS)),
}
DROPPED = {
    "another guest's address": from_a(udp6((B6, 4000), (NEIGHBOUR6, 4000), MARK)),
    "a foreign address": from_a(udp6(("2001:db8::9", 4000), (NEIGHBOUR6, 4000), MARK)),
    "another's link-local address": from_a(about(SOLICIT, NEIGHBOUR6, "fe80::1", solicited(NEIGHBOUR6))),
    "no address, though not asking": from_a(udp6(("::", 4000), (NEIGHBOUR6, 4000), MARK)),
    "another guest's MAC": from_a(udp6((A6, 4000), (NEIGHBOUR6, 4000), MARK), mac_of(B)),
    "claiming another's address": from_a(about(ADVERTISE, B6, A6)),
    "claiming the gateway's address": from_a(about(ADVERTISE, six(GATEWAY), OWN)),
    "claiming in another's name": from_a(about(ADVERTISE, B6, B6)),
    "saying that another's address is taken": from_a(about(SOLICIT, B6, "::", solicited(B6))),
    "advertising a router": from_a(marked(ROUTER, OWN, ALL_NODES)),
    "advertising a router under its own address": from_a(marked(ROUTER, A6, ALL_NODES)),
    "sending others elsewhere": from_a(marked(REDIRECT, OWN, NEIGHBOUR6)),
    "offering addresses": from_a(udp6((A6, 547), (NEIGHBOUR6, 546), MARK)),
    "offering addresses under its link-local address": from_a(udp6((OWN, 547), ("fe80::99", 546), MARK)),
    "talking under its link-local address": from_a(udp6((OWN, 4000), ("fe80::99", 4000), MARK)),
    "a VLAN tag": frame(
        BROADCAST, mac_of(A), VLAN, struct.pack("!HH", 7, IPV6) + udp6((A6, 4000), (NEIGHBOUR6, 4000), MARK)
    ),
}


@pytest.fixture(autouse=True)
def open_guests(table: Table) -> None:
    """A and B are allowed everything that groups can allow."""
    table.apply_group(WEB, OPEN, (A, B, A6, B6))
    table.apply_nic(nic(A, WEB))
    table.apply_nic(nic(B, WEB))


@pytest.mark.parametrize("what", PASSING)
def test_what_a_guest_says_truthfully_passes(net: Net, what: str) -> None:
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        guest.send(PASSING[what])
        assert receives(seen, MARK, ARRIVES)


@pytest.mark.parametrize("what", DROPPED)
def test_what_a_guest_pretends_is_dropped(net: Net, what: str) -> None:
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        guest.send(DROPPED[what])
        guest.send(from_a(udp6((A6, 4000), (NEIGHBOUR6, 4000), b"and now the truth")))
        assert not _before(seen, b"and now the truth", MARK)


def _before(seen: socket.socket, last: bytes, wanted: bytes) -> bool:
    """Whether `wanted` came in before `last` did."""
    seen.settimeout(ARRIVES)
    through = b""
    while last not in through:
        through += seen.recv(65536)
    return wanted in through


def test_the_forged_frames_pass_where_nothing_filters(net: Net, table: Table) -> None:
    table.remove_nic(nic(A).instance, "lan")
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        for what, forged in DROPPED.items():
            guest.send(forged)
            assert receives(seen, MARK, ARRIVES), what
    for space in (net.neighbour, net.host, *net.guests.values()):
        space.ip("neigh flush all")
    net.host.ip("link set br0 type bridge fdb_flush")


def test_no_router_but_the_seed_tells_a_guest_where_to_go(net: Net) -> None:
    gateway = link_local(mac_of(NEIGHBOUR))
    with wire(net.guests[A], "eth0") as seen, wire(net.neighbour, "eth0") as sender:
        for packet in (
            marked(ROUTER, gateway, ALL_NODES),
            marked(ROUTER, gateway, A6),
            marked(REDIRECT, gateway, A6),
            udp6((gateway, 547), (OWN, 546), MARK),
            udp6((NEIGHBOUR6, 4000), (ALL_NODES, 4000), MARK),
            udp6((NEIGHBOUR6, 4000), (B6, 4000), MARK),
        ):
            sender.send(frame(mac_of(A), mac_of(NEIGHBOUR), IPV6, packet))
        sender.send(frame(mac_of(A), mac_of(NEIGHBOUR), IPV6, udp6((NEIGHBOUR6, 4000), (A6, 4000), b"for A itself")))
        assert not _before(seen, b"for A itself", MARK)


def test_a_guest_without_an_address_of_the_family_has_none_of_it(net: Net, table: Table) -> None:
    table.apply_nic(replace(nic(A, WEB), address6=""))
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        guest.send(from_a(udp6((A6, 4000), (NEIGHBOUR6, 4000), MARK)))
        guest.send(from_a(about(SOLICIT, NEIGHBOUR6, OWN, solicited(NEIGHBOUR6))))
        assert not receives(seen, MARK)
    assert not opens(net.guests[B], A6, 22)


def found(space: Space) -> None:
    """Let a space look for its neighbours anew."""
    space.run("ip", "-6", "neigh", "flush", "all")


def test_neighbours_find_each_other_though_no_rule_speaks_of_it(net: Net, table: Table) -> None:
    table.apply_group(WEB, ("ingress IPv6 tcp 22 from anyone",), (A6,))
    table.apply_group(DB, ("egress IPv6 tcp 22 to anyone",), ())
    table.apply_nic(nic(B, DB))
    for space in (net.guests[A], net.guests[B]):
        found(space)
    assert opens(net.guests[B], A6, 22, ARRIVES)
    assert not opens(net.guests[B], A6, 80)
    assert not opens(net.guests[A], B6, 22)


def test_rules_of_one_family_say_nothing_about_the_other(net: Net, table: Table) -> None:
    table.apply_group(WEB, ("ingress IPv6 tcp 22 from anyone", "ingress IPv4 tcp 80 from anyone"), (A,))
    assert opens(net.guests[C], A6, 22, ARRIVES)
    assert opens(net.guests[C], A, 80, ARRIVES)
    assert not opens(net.guests[C], A, 22)
    assert not opens(net.guests[C], A6, 80)


def test_routed_packets_and_those_of_the_host_are_filtered_like_bridged_ones(net: Net, table: Table) -> None:
    table.apply_group(
        WEB, ("ingress IPv6 tcp 80 from 2001:db8:51::/64", f"ingress IPv6 tcp 22 from {six(GATEWAY)}/128"), ()
    )
    assert opens(net.outside, A6, 80, ARRIVES)
    assert not opens(net.outside, A6, 22)
    assert opens(net.host, A6, 22, ARRIVES)
    assert not opens(net.host, A6, 80)
    assert not opens(net.guests[A], OUTSIDE6, 8080)


def test_a_remote_group_means_its_members_of_either_family(net: Net, table: Table) -> None:
    table.apply_group(DB, (), (C, C6))
    table.apply_group(WEB, tuple(sorted(f"ingress {family} tcp 22 from {DB}" for family in ("IPv4", "IPv6"))), ())
    assert opens(net.guests[C], A6, 22, ARRIVES)
    assert opens(net.guests[C], A, 22, ARRIVES)
    assert not opens(net.guests[B], A6, 22)
    table.apply_group(DB, (), (C,))
    assert not opens(net.guests[C], A6, 22)
    assert opens(net.guests[C], A, 22, ARRIVES)


def test_a_guest_is_told_when_nobody_answers(net: Net, table: Table) -> None:
    table.apply_group(WEB, ("egress IPv6 udp 4000 to anyone",), ())
    refused = net.guests[A].socket(socket.AF_INET6, socket.SOCK_DGRAM)
    refused.settimeout(ARRIVES)
    refused.connect((NEIGHBOUR6, 4000))
    refused.send(MARK)
    with refused, pytest.raises(ConnectionRefusedError):
        refused.recv(64)
