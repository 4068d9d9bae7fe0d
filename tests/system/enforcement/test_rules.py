"""Security groups as guests meet them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.identity import Identity
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table
from tests.support.enforced import DB, GATEWAY, OUTSIDE, SSH, WEB, A, B, C, Net, clear, nic
from tests.support.spaces import ARRIVES, Space, datagrams, listener, opens, receives

pytestmark = pytest.mark.libvirtd

ALL_OUT = "egress IPv4 any to anyone"


def test_without_a_rule_nothing_gets_in_and_replies_do(net: Net, table: Table) -> None:
    table.apply_group(WEB, (ALL_OUT,), (A,))
    assert opens(net.guests[B], A, 22, ARRIVES), "unfiltered: the probe itself works"
    table.apply_nic(nic(A, WEB))
    assert not opens(net.guests[B], A, 22)
    assert opens(net.guests[A], B, 22, ARRIVES)
    assert opens(net.guests[A], OUTSIDE, 8080, ARRIVES)


def test_a_nic_without_groups_reaches_nobody_and_is_reached_by_nobody(net: Net, table: Table) -> None:
    table.apply_nic(nic(A))
    assert not opens(net.guests[B], A, 22)
    assert not opens(net.guests[A], B, 22)


def test_a_port_with_a_rule_is_open_and_the_others_are_not(net: Net, table: Table) -> None:
    table.apply_group(WEB, (SSH,), (A,))
    table.apply_nic(nic(A, WEB))
    assert opens(net.guests[B], A, 22, ARRIVES)
    assert not opens(net.guests[B], A, 80)


def test_routed_packets_from_outside_are_filtered_like_bridged_ones(net: Net, table: Table) -> None:
    table.apply_group(WEB, ("ingress IPv4 tcp 80 from 198.51.100.0/24",), (A,))
    table.apply_nic(nic(A, WEB))
    assert opens(net.outside, A, 80, ARRIVES)
    assert not opens(net.outside, A, 22)
    assert not opens(net.guests[B], A, 80)


def test_the_host_itself_is_filtered(net: Net, table: Table) -> None:
    table.apply_group(WEB, (f"ingress IPv4 tcp 80 from {GATEWAY}/32",), (A,))
    table.apply_nic(nic(A, WEB))
    assert not opens(net.host, A, 22)
    assert opens(net.host, A, 80, ARRIVES)


def test_without_egress_rules_nothing_leaves_and_answers_still_do(net: Net, table: Table) -> None:
    table.apply_group(WEB, (SSH,), (A,))
    table.apply_nic(nic(A, WEB))
    assert not opens(net.guests[A], B, 22)
    assert not opens(net.guests[A], GATEWAY, 8080)
    assert not opens(net.guests[A], OUTSIDE, 8080)
    assert opens(net.guests[B], A, 22, ARRIVES)


def test_egress_rules_name_ports_and_targets(net: Net, table: Table) -> None:
    table.apply_group(WEB, (f"egress IPv4 tcp 22 to {B}/32",), (A,))
    table.apply_nic(nic(A, WEB))
    assert opens(net.guests[A], B, 22, ARRIVES)
    assert not opens(net.guests[A], B, 80)
    assert not opens(net.guests[A], C, 22)


def test_a_remote_group_means_its_members(net: Net, table: Table) -> None:
    table.apply_group(DB, (f"ingress IPv4 tcp 22 from {WEB}",), (A,))
    table.apply_nic(nic(A, DB))
    assert not opens(net.guests[B], A, 22), "a group that is not there yet has no members"
    table.apply_group(WEB, (), (B,))
    assert opens(net.guests[B], A, 22, ARRIVES)
    assert not opens(net.guests[C], A, 22)
    table.apply_group(WEB, (), (B, C))
    assert opens(net.guests[C], A, 22, ARRIVES)


class Session:
    """An established TCP connection to a port of guest A."""

    def __init__(self, net: Net, source: str, port: int) -> None:
        server = listener(net.guests[A], port)
        self._client = net.guests[source].socket(socket.AF_INET, socket.SOCK_STREAM)
        self._client.settimeout(ARRIVES)
        self._client.connect((A, port))
        self._end, _ = server.accept()
        server.close()
        self._said = 0

    def carries(self, seconds: float = ARRIVES) -> bool:
        """Whether what the client says now comes in at the server in time."""
        self._said += 1
        text = f"<{self._said}>".encode()
        self._client.sendall(text)
        return receives(self._end, text, seconds)

    def close(self) -> None:
        """End it without asking the peer."""
        self._client.close()
        self._end.close()


RULES = (f"ingress IPv4 tcp 2222 from {WEB}", "ingress IPv4 tcp 3333 from anyone")


@pytest.fixture
def sessions(net: Net, table: Table) -> Iterator[tuple[Session, Session]]:
    """B talks to A twice: by a rule that names its group, and by one that names anyone."""
    table.apply_group(WEB, (), (B, C))
    table.apply_group(DB, RULES, (A,))
    table.apply_nic(nic(A, DB))
    both = (Session(net, B, 2222), Session(net, B, 3333))
    assert all(session.carries() for session in both)
    yield both
    for session in both:
        session.close()


def test_a_removed_rule_cuts_its_connections_and_no_others(table: Table, sessions: tuple[Session, Session]) -> None:
    named, other = sessions
    table.apply_group(DB, RULES[1:], (A,))
    assert not named.carries(1.0)
    assert other.carries()
    table.apply_group(DB, RULES, (A,))
    assert named.carries(), "put back, it goes on"


def test_a_member_that_leaves_loses_its_connections_at_once(
    net: Net, table: Table, sessions: tuple[Session, Session]
) -> None:
    named, other = sessions
    staying = Session(net, C, 2222)
    table.apply_group(WEB, (), (C,))
    assert not named.carries(1.0)
    assert other.carries()
    assert staying.carries()
    staying.close()


def test_removing_the_remote_group_cuts_its_members_off(table: Table, sessions: tuple[Session, Session]) -> None:
    table.remove_group(WEB)
    assert not sessions[0].carries(1.0)
    assert sessions[1].carries()


def test_a_flood_during_fifty_changes_lets_nothing_forbidden_through(net: Net, table: Table) -> None:
    allowed = "ingress IPv4 udp 5000 from anyone"
    table.apply_group(WEB, (allowed,), (A,))
    table.apply_group(DB, (), ())
    table.apply_nic(nic(A, WEB))
    with datagrams(net.guests[A], 5000) as opened, datagrams(net.guests[A], 6000) as closed:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        done = threading.Event()
        sent: list[int] = []
        flood = threading.Thread(target=lambda: sent.append(_flood(net.guests[B], done)))
        flood.start()
        for port in range(7000, 7025):
            table.apply_group(WEB, (allowed, f"ingress IPv4 tcp {port} from anyone"), (A,))
            table.apply_nic(nic(A, WEB, *([DB] if port % 2 else [])))
        done.set()
        flood.join()
        assert sent[0] > 200
        assert _count(opened) == sent[0]
        assert _count(closed) == 0


def _flood(space: Space, done: threading.Event) -> int:
    """Send to both ports of A until told to stop; how many were sent to each."""
    sent = 0
    with datagrams(space, 0) as sock:
        while not done.is_set():
            for port in (5000, 6000):
                sock.sendto(b"flood", (A, port))
            sent += 1
            time.sleep(0.0005)
    return sent


def _count(sock: socket.socket) -> int:
    sock.setblocking(False)
    number = 0
    with contextlib.suppress(BlockingIOError):
        while sock.recv(64):
            number += 1
    return number


def test_two_fleets_on_one_host_do_not_touch_each_other(net: Net, table: Table) -> None:
    other = Table(Identity("7d1a66f4-7d0a-4d0f-9a53-0f6d8d4a2f11"), Channel(net.host.prefix))
    for fleet, address, port in ((table, A, 22), (other, C, 80)):
        fleet.apply_group(WEB, (f"ingress IPv4 tcp {port} from anyone",), (address,))
        fleet.apply_nic(nic(address, WEB))
    clear(table)
    assert opens(net.guests[B], A, 80, ARRIVES), "no longer filtered"
    assert opens(net.guests[B], C, 80, ARRIVES)
    assert not opens(net.guests[B], C, 22)
    clear(other)
