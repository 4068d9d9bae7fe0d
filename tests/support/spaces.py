"""Network namespaces that stand for a host and its guests, and sockets inside them, without a process per probe.

A namespace lives as long as the process that holds it, which ends with this one: nothing is left behind, and nothing
of the machine's own network is touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_PATH = {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"}
ARRIVES = 3.0
"""Seconds within which what is let through arrives, on a busy machine too."""
STAYS_OUT = 0.3
"""Seconds after which what has not arrived was dropped; a probe on one machine takes less than a millisecond."""


class Space:
    """A network namespace. `prefix` is the way in for commands, `socket` for probes."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, env=os.environ | _PATH)
        mine, own = Path("/proc/self/ns/net"), Path(f"/proc/{self._holder.pid}/ns/net")
        while own.readlink() == mine.readlink():
            assert self._holder.poll() is None, "no network namespace could be made"
            time.sleep(0.002)
        self._handle = os.open(own, os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link set lo up")

    @property
    def pid(self) -> int:
        """The process that holds the namespace."""
        return self._holder.pid

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command so that it runs inside."""
        return ("nsenter", "-t", str(self.pid), "-n")

    def run(self, *command: str, stdin: str = "") -> str:
        """What a command prints inside; fails when it fails."""
        done = subprocess.run(
            [*self.prefix, *command], input=stdin, capture_output=True, text=True, env=os.environ | _PATH, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def ip(self, *commands: str) -> None:
        """Run `ip` commands inside."""
        self.run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this namespace, whichever thread then uses it."""
        return _inside(self._handle, family, kind, protocol)

    def close(self) -> None:
        """Give the namespace up; the kernel takes its devices away."""
        os.close(self._handle)
        assert self._holder.stdin
        self._holder.stdin.close()
        self._holder.wait(timeout=10)


def inside(pid: int, family: int, kind: int) -> socket.socket:
    """A socket of the network of a process."""
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _inside(handle, family, kind, 0)
    finally:
        os.close(handle)


def _inside(handle: int, family: int, kind: int, protocol: int) -> socket.socket:
    """Made by a thread that enters the namespace and ends."""
    made: list[socket.socket | int] = []

    def make() -> None:
        entered = _LIBC.setns(handle, _CLONE_NEWNET) == 0
        made.append(socket.socket(family, kind, protocol) if entered else ctypes.get_errno())

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert isinstance(made[0], socket.socket), f"cannot enter the namespace: {made[0]}"
    return made[0]


@contextlib.contextmanager
def spaces(number: int) -> Iterator[list[Space]]:
    """Some namespaces for the length of a block."""
    with contextlib.ExitStack() as stack:
        made = [Space() for _ in range(number)]
        for space in made:
            stack.callback(space.close)
        yield made


def family_of(address: str) -> int:
    """The socket family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listener(space: Space, port: int) -> socket.socket:
    """A TCP server's socket, for both families; the kernel itself completes handshakes."""
    server = space.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    server.listen(64)
    server.settimeout(ARRIVES)
    return server


def opens(space: Space, address: str, port: int, seconds: float = STAYS_OUT) -> bool:
    """Whether a TCP connection from `space` is answered in time."""
    with space.socket(family_of(address), socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            client.connect((address, port))
        except TimeoutError:
            return False
        return True


def datagrams(space: Space, port: int) -> socket.socket:
    """A UDP socket bound to `port` on every address, able to broadcast."""
    sock = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", port))
    return sock


def receives(sock: socket.socket, wanted: bytes, seconds: float = STAYS_OUT) -> bool:
    """Whether something with `wanted` in it comes in at a socket in time."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            if wanted in sock.recv(65536):
                return True
        except TimeoutError:
            return False
    return False


def wire(space: Space, device: str) -> socket.socket:
    """A packet socket: sends whole frames at a device, and receives all that pass there."""
    sock = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # every protocol
    sock.bind((device, 3))
    return sock


def mac(text: str) -> bytes:
    """A MAC's bytes."""
    return bytes.fromhex(text.replace(":", ""))


def frame(target: str, source: str, ethertype: int, payload: bytes) -> bytes:
    """An Ethernet frame."""
    return mac(target) + mac(source) + struct.pack("!H", ethertype) + payload


def udp4(source: tuple[str, int], target: tuple[str, int], data: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram in it (which may go without a checksum of its own)."""
    length = 28 + len(data)
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    header = struct.pack("!BBHHHBBH", 0x45, 0, length, 1, 0, 64, 17, 0) + ends
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:]
    return header + struct.pack("!HHHH", source[1], target[1], length - 20, 0) + data


def arp(operation: int, sender: tuple[str, str], target: tuple[str, str]) -> bytes:
    """An ARP packet; sender and target are MAC and IPv4 address."""
    ends = b"".join(mac(hardware) + socket.inet_aton(address) for hardware, address in (sender, target))
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + ends


def ip6(source: str, target: str, protocol: int, payload: bytes, hops: int = 255) -> bytes:
    """An IPv6 packet."""
    ends = b"".join(socket.inet_pton(socket.AF_INET6, address) for address in (source, target))
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + ends + payload


def icmp6(source: str, target: str, kind: int, body: bytes) -> bytes:
    """An ICMPv6 packet with its checksum."""
    ends = b"".join(socket.inet_pton(socket.AF_INET6, address) for address in (source, target))
    bare = struct.pack("!BBH", kind, 0, 0) + body
    summed = ends + struct.pack("!II", len(bare), 58) + bare + bytes(len(bare) % 2)
    total = sum(struct.unpack(f"!{len(summed) // 2}H", summed))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return ip6(source, target, 58, struct.pack("!BBH", kind, 0, checksum) + body)


def udp6(source: tuple[str, int], target: tuple[str, int], data: bytes) -> bytes:
    """An IPv6 packet with a UDP datagram in it, without a checksum of its own: only filters look at it."""
    return ip6(source[0], target[0], 17, struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data)
