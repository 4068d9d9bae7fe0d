"""What guests may say they are, and what reaches them beside their own: the frames on the bridge."""

from __future__ import annotations

import socket
import struct

import pytest

from reconciler_libvirt.enforcement import Table
from tests.support.enforced import BROADCAST, DB, GATEWAY, NEIGHBOUR, WEB, A, B, Net, mac_of, nic
from tests.support.spaces import ARRIVES, arp, datagrams, frame, receives, udp4, wire

pytestmark = pytest.mark.libvirtd

IPV4, ARP, IPV6, VLAN, QINQ = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
ALL = ("egress IPv4 any to anyone", "egress IPv6 any to anyone", "ingress IPv4 any from anyone")
MARK = b"a mark to know it by"
IPV6_PACKET = (
    struct.pack("!IHBB", 6 << 28, len(MARK), 59, 64)
    + socket.inet_pton(socket.AF_INET6, "fe80::1")
    + socket.inet_pton(socket.AF_INET6, "ff02::1")
    + MARK
)
EVERYBODY = "255.255.255.255"


@pytest.fixture(autouse=True)
def open_guests(table: Table) -> None:
    """A and B are allowed everything that groups can allow."""
    table.apply_group(WEB, ALL, (A, B))
    table.apply_nic(nic(A, WEB))
    table.apply_nic(nic(B, WEB))


def packet(source: str = A, target: str = NEIGHBOUR, ports: tuple[int, int] = (4000, 4000)) -> bytes:
    """An IPv4 packet that bears the mark."""
    return udp4((source, ports[0]), (target, ports[1]), MARK)


def tagged(ethertype: int, vlan: int) -> bytes:
    """A frame in a VLAN with a packet that could pass without one."""
    return frame(BROADCAST, mac_of(A), ethertype, struct.pack("!HH", vlan, IPV4) + packet())


PASSING = {
    "its own address, its own MAC": frame(BROADCAST, mac_of(A), IPV4, packet()),
    "ARP in its own name": frame(BROADCAST, mac_of(A), ARP, arp(1, (mac_of(A), A), (BROADCAST, NEIGHBOUR)) + MARK),
    "asking whether its address is taken": frame(
        BROADCAST, mac_of(A), ARP, arp(1, (mac_of(A), "0.0.0.0"), (BROADCAST, A)) + MARK
    ),
    "a DHCP request without an address yet": frame(BROADCAST, mac_of(A), IPV4, packet("0.0.0.0", EVERYBODY, (68, 67))),
}
DROPPED = {
    "another guest's address": frame(BROADCAST, mac_of(A), IPV4, packet(source=B)),
    "a foreign address": frame(BROADCAST, mac_of(A), IPV4, packet(source="8.8.8.8")),
    "no address, though not asking for one": frame(BROADCAST, mac_of(A), IPV4, packet(source="0.0.0.0")),
    "another guest's MAC": frame(BROADCAST, mac_of(B), IPV4, packet()),
    "the gateway's address in ARP": frame(
        BROADCAST, mac_of(A), ARP, arp(2, (mac_of(A), GATEWAY), (BROADCAST, NEIGHBOUR)) + MARK
    ),
    "another's MAC in ARP": frame(BROADCAST, mac_of(A), ARP, arp(2, (mac_of(B), A), (BROADCAST, NEIGHBOUR)) + MARK),
    "nobody's answer to ARP": frame(
        BROADCAST, mac_of(A), ARP, arp(2, (mac_of(A), "0.0.0.0"), (BROADCAST, NEIGHBOUR)) + MARK
    ),
    "a VLAN tag": tagged(VLAN, 7),
    "a priority tag": tagged(VLAN, 0),
    "a provider's VLAN tag": tagged(QINQ, 7),
    "IPv6": frame(BROADCAST, mac_of(A), IPV6, IPV6_PACKET),
    "an unknown ether type": frame(BROADCAST, mac_of(A), 0x88B5, packet()),
    "a bridge's own protocol": frame("01:80:c2:00:00:00", mac_of(A), 0x0026, b"BB\x03" + bytes(35) + MARK),
    "offering addresses to all": frame(BROADCAST, mac_of(A), IPV4, packet(A, EVERYBODY, (67, 68))),
    "offering an address to one": frame(BROADCAST, mac_of(A), IPV4, packet(A, NEIGHBOUR, (67, 68))),
}


@pytest.mark.parametrize("what", PASSING)
def test_what_a_guest_says_truthfully_passes(net: Net, what: str) -> None:
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        guest.send(PASSING[what])
        assert receives(seen, MARK, ARRIVES)


def test_what_a_guest_pretends_is_dropped(net: Net) -> None:
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        through = _forge(guest, seen)
    assert [what for what in DROPPED if marked(what) in through] == []


def test_the_forged_frames_are_well_formed_and_pass_where_nothing_filters(net: Net, table: Table) -> None:
    table.remove_nic(nic(A).instance, "lan")
    with wire(net.neighbour, "eth0") as seen, wire(net.guests[A], "eth0") as guest:
        through = _forge(guest, seen)
    net.neighbour.ip("neigh flush all")
    net.host.ip("link set br0 type bridge fdb_flush")
    assert [what for what in DROPPED if marked(what) not in through] == []


def marked(what: str) -> bytes:
    """A mark of its own for each forged frame, as long as the common one."""
    return what.encode()[: len(MARK)].ljust(len(MARK), b".")


def _forge(guest: socket.socket, seen: socket.socket) -> bytes:
    """Send all forged frames, then a true one; all that came in up to that."""
    for what, forged in DROPPED.items():
        guest.send(forged.replace(MARK, marked(what)))
    guest.send(PASSING["its own address, its own MAC"])
    seen.settimeout(ARRIVES)
    through = b""
    while MARK not in through:
        through += seen.recv(65536)
    return through


def test_broadcasts_do_not_reach_a_guest_round_its_groups(net: Net) -> None:
    with datagrams(net.guests[A], 4000) as inside, datagrams(net.neighbour, 0) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        for target in (EVERYBODY, "10.77.0.255"):
            sender.sendto(MARK, (target, 4000))
        assert not receives(inside, MARK)
        sender.sendto(MARK, (A, 4000))
        assert receives(inside, MARK, ARRIVES)


def test_frames_for_others_are_not_seen_by_a_guest(net: Net) -> None:
    nobody = "52:54:00:ff:ff:fe"
    with wire(net.guests[A], "eth0") as seen, wire(net.neighbour, "eth0") as sender:
        sender.send(frame(nobody, mac_of(NEIGHBOUR), IPV4, packet(NEIGHBOUR, "10.77.0.200")))
        sender.send(frame(BROADCAST, mac_of(NEIGHBOUR), IPV6, IPV6_PACKET))
        sender.send(frame(mac_of(A), mac_of(NEIGHBOUR), VLAN, struct.pack("!HH", 7, IPV4) + packet(NEIGHBOUR, A)))
        assert not receives(seen, MARK)


def test_only_the_gateway_answers_a_dhcp_request(net: Net, table: Table) -> None:
    table.apply_group(DB, (), ())
    table.apply_nic(nic(B, DB))
    with datagrams(net.guests[B], 68) as client, wire(net.neighbour, "eth0") as neighbour:
        for forged in (packet(NEIGHBOUR, EVERYBODY, (67, 68)), packet(NEIGHBOUR, B, (67, 68))):
            neighbour.send(frame(mac_of(B), mac_of(NEIGHBOUR), IPV4, forged))
        assert not receives(client, MARK)
        with datagrams(net.host, 67) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"br0")
            for target in (EVERYBODY, B):
                server.sendto(MARK, (target, 68))
                assert receives(client, MARK, ARRIVES)


def test_a_guest_renews_its_address_though_its_groups_allow_nothing(net: Net, table: Table) -> None:
    table.apply_group(DB, (), ())
    table.apply_nic(nic(A, DB))
    with datagrams(net.host, 67) as server, datagrams(net.guests[A], 68) as client:
        client.sendto(MARK, (GATEWAY, 67))
        assert receives(server, MARK, ARRIVES)
        client.sendto(MARK, (B, 67))
        client.sendto(MARK, (GATEWAY, 66))
        assert not receives(server, MARK)
