"""Networks of one host may not overlap: what is there could not be told apart by its address."""

from __future__ import annotations

import functools
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler.address import Address
from reconciler.kinds.base import Resource

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class _Ranges:
    """Ranges that do not overlap, and who has them. Two ranges overlap only when one lies in the other."""

    def __init__(self) -> None:
        self._has: dict[tuple[int, int, int], Address] = {}
        self._inside: dict[tuple[int, int, int], Address] = {}
        self._lengths: set[tuple[int, int]] = set()

    def holder(self, network: _Network) -> Address | None:
        """Who has a part of that range."""
        for key in self._around(network):
            if key in self._has:
                return self._has[key]
        return self._inside.get(_key(network, network.prefixlen))

    def add(self, network: _Network, who: Address) -> None:
        """Give a range to somebody."""
        self._has[_key(network, network.prefixlen)] = who
        self._lengths.add((network.version, network.prefixlen))
        for length in range(network.prefixlen + 1):
            self._inside.setdefault(_key(network, length), who)

    def _around(self, network: _Network) -> Iterator[tuple[int, int, int]]:
        for version, length in self._lengths:
            if version == network.version and length <= network.prefixlen:
                yield _key(network, length)


def _key(network: _Network, length: int) -> tuple[int, int, int]:
    shift = network.max_prefixlen - length
    return network.version, length, int(network.network_address) >> shift


def overlaps(
    networks: Mapping[str, Iterable[Resource]], standing: Mapping[tuple[str, Address], str]
) -> Iterator[tuple[Resource, str, Address, str]]:
    """Each network that comes too late, the range in question, who has it, and on which host.

    `networks` are those of each host. What stands with its range (`standing`, by host and origin) comes first, the
    others by address.
    """
    told: set[Address] = set()
    for host, here in sorted(networks.items()):
        taken = _Ranges()
        order = sorted(here, key=lambda each: (standing.get((host, each.origin)) != each.spec.cidr, each.address))
        for each in order if len(order) > 1 else ():
            for text, holder in _taken(each, taken):
                if each.address not in told:
                    told.add(each.address)
                    yield each, text, holder, host


def _taken(network: Resource, taken: _Ranges) -> list[tuple[str, Address]]:
    """The ranges that somebody has; if there are none they are the network's from now on."""
    ranges = list(_ranges(network))
    found = [(str(each), holder) for each in ranges if (holder := taken.holder(each))]
    for each in ranges if not found else ():
        taken.add(each, network.address)
    return found


def _ranges(network: Resource) -> Iterator[_Network]:
    yield from (_parsed(text) for text in (network.spec.cidr, network.spec.cidr6) if text)


@functools.lru_cache(maxsize=1 << 12)
def _parsed(text: str) -> _Network:
    """Asked for at every host that an instance could go to."""
    return ipaddress.ip_network(text)


class Taken:
    """The ranges that each host has, or is to have, as placement goes on."""

    def __init__(self) -> None:
        self._ranges: defaultdict[str, _Ranges] = defaultdict(_Ranges)
        self._there: set[tuple[str, Address]] = set()

    def add(self, host: str, network: Resource) -> None:
        """A network comes to a host."""
        if (host, network.address) not in self._there:
            self._there.add((host, network.address))
            for each in _ranges(network):
                self._ranges[host].add(each, network.address)

    def clashes(self, host: str, networks: Iterable[Resource]) -> Iterator[str]:
        """Which of some networks could not come to a host, and why."""
        for network in networks:
            if (host, network.address) not in self._there:
                holders = (self._ranges[host].holder(each) for each in _ranges(network))
                yield from (f"{network.address} would overlap {holder} there" for holder in holders if holder)


def by_host(placed: Iterable[tuple[str, Resource]]) -> dict[str, list[Resource]]:
    """Networks by the host that they are on, each once."""
    found: dict[str, dict[Address, Resource]] = defaultdict(dict)
    for host, network in placed:
        found[host][network.address] = network
    return {host: list(each.values()) for host, each in found.items()}
