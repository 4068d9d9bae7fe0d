"""Who has which address, as it is declared and as it is seen."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.instance import nic_network
from reconciler.objects import Observed
from reconciler.snapshots import Snapshots

Holders = dict[str, dict[str, Address]]
"""Network (as text, since observed ones are) to address, of either family, to the origin of who has it."""

NOWHERE = ""
"""Stands for the network of an address of which only a leftover filter is seen: it counts in every network."""


def canonical6(text: str | None) -> str | None:
    """An IPv6 address in its usual spelling, so that two spellings of one are equal."""
    return str(ipaddress.IPv6Address(text)) if text else None


def declared(desired: Desired) -> Holders:
    """Every declared address, of instances that are held as well; who is first by address has it."""
    found: Holders = defaultdict(dict)
    for address, resource in sorted(desired.resources.items()):
        for name, nic in resource.spec.networks.items() if address.kind == "Instance" else ():
            for each in (nic.address, canonical6(nic.address6)):
                if each:
                    found[str(nic_network(resource, name))].setdefault(each, resource.origin)
    return found


SeenNic = tuple[str, str, str, str | None]
"""NIC name, network and addresses; the network is empty where only parts of an object are left."""


def seen_nics(snapshots: Snapshots) -> dict[Address, list[SeenNic]]:
    """The NICs of everything of ours, in both forms, by origin."""
    found: dict[Address, list[SeenNic]] = {}
    for each in snapshots.objects.values():
        if nics := list(dict.fromkeys(_nics_in(each))):
            found.setdefault(each.origin, []).extend(nics)
    return found


def seen_in(nics: Mapping[Address, list[SeenNic]]) -> Holders:
    """Every address that is in use by something of ours, in either form."""
    found: Holders = defaultdict(dict)
    for origin, each in nics.items():
        for _, network, address, address6 in each:
            found[network].setdefault(address, origin)
            if address6:
                found[network].setdefault(address6, origin)
    return found


def _nics_in(each: Observed) -> Iterator[SeenNic]:
    for fields in (each.stored, each.running or {}):
        for path, address in fields.items():
            if path.endswith(".address") and path.startswith("nics.") and isinstance(address, str):
                base = path.removesuffix("address")
                network, address6 = fields.get(base + "network"), fields.get(base + "address6")
                text6 = address6 if isinstance(address6, str) else None
                yield path.split(".")[1], network if isinstance(network, str) else NOWHERE, address, text6


_Nic = tuple[str, Address, str]
"""A NIC by its network, the origin of its instance, and its name."""


def rounds(desired: Desired, seen: Holders) -> set[_Nic]:
    """The NICs that hand their addresses round: each declares the one that the next has, and nobody can begin."""
    wants: dict[tuple[str, Address], tuple[str, str]] = {}
    for address, resource in desired.resources.items():
        for name, nic in resource.spec.networks.items() if address.kind == "Instance" else ():
            network = str(nic_network(resource, name))
            if nic.address and seen[network].get(nic.address, resource.origin) != resource.origin:
                wants[network, resource.origin] = nic.address, name
    after = {key: (key[0], seen[key[0]][address]) for key, (address, _) in wants.items()}
    return {(*key, wants[key][1]) for key in _in_circles(after)}


def _in_circles(after: Mapping[tuple[str, Address], tuple[str, Address]]) -> set[tuple[str, Address]]:
    """What comes back to itself."""
    found: set[tuple[str, Address]] = set()
    done: set[tuple[str, Address]] = set()
    for start in after:
        path: dict[tuple[str, Address], None] = {}
        each = start
        while each in after and each not in done and each not in path:
            path[each] = None
            each = after[each]
        if each in path:
            found.update(list(path)[list(path).index(each) :])
        done.update(path)
    return found
