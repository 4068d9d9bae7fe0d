"""What networks can have against each other, and against the addresses that instances declare in them."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from reconciler.address import Address
from reconciler.cidr import number
from reconciler.consistency.references import Mistakes, Resources
from reconciler.kinds.base import Problem, Resource
from reconciler.kinds.instance import NicSpec, nic_network
from reconciler.kinds.network import gateway_of

_Range = tuple[int, int, Address]
"""First and last address of a network, and whose they are; of one family."""


def overlapping(resources: Resources) -> Mistakes:
    """Networks that meet on a host may not overlap: neither its routes nor its filters could tell them apart."""
    told: set[tuple[Address, Address]] = set()
    for why, addresses in sorted(_meetings(resources).items()):
        for field in ("cidr", "cidr6"):
            for low, high in _overlaps(resources, addresses, field):
                if (low, high) not in told:
                    told.add((low, high))
                    yield resources[high], _overlap(resources, why, field, low, high)


def _meetings(resources: Resources) -> dict[str, set[Address]]:
    """Networks that meet, by why: they are on a host (declared, the only one there is, or that of an instance in
    them) or on a wire, or one instance is in them.
    """
    names = [address.name for address in resources if address.kind == "Host"]
    only = names[0] if len(names) == 1 else None
    found: dict[str, set[Address]] = defaultdict(set)
    for address, each in resources.items():
        if address.kind == "Network" and (host := each.spec.host or only):
            found[f"are on host `{host}`"].add(address)
        if address.kind == "Network" and each.spec.physical_network:
            tag = f", VLAN {each.spec.vlan}" if each.spec.vlan else ", untagged"
            found[f"are on wire `{each.spec.physical_network}`{tag}"].add(address)
        if address.kind == "Instance":
            joined = {nic_network(each, nic) for nic in each.spec.networks} & resources.keys()
            if len(joined) > 1:
                found[f"have {address} in them"] |= joined
            if host := each.spec.placement.host:
                found[f"are on host `{host}`"] |= {name for name in joined if not resources[name].spec.host}
    return found


def _overlaps(resources: Resources, addresses: set[Address], field: str) -> Iterator[tuple[Address, Address]]:
    """Of the networks in order of their first addresses, each that begins before the widest so far has ended."""
    widest: _Range | None = None
    for each in sorted(_ranges(resources, addresses, field)):
        if widest and each[0] <= widest[1]:
            yield widest[2], each[2]
        else:
            widest = each


def _ranges(resources: Resources, addresses: set[Address], field: str) -> Iterator[_Range]:
    for address in addresses:
        if text := getattr(resources[address].spec, field):
            cidr = ipaddress.ip_network(text)
            yield int(cidr[0]), int(cidr[-1]), address


def _overlap(resources: Resources, why: str, field: str, low: Address, high: Address) -> Problem:
    mine, other = getattr(resources[high].spec, field), getattr(resources[low].spec, field)
    detail = (
        f"{mine} overlaps {other} of {low} ({resources[low].place}), and both {why}. Give one of them another range."
    )
    return Problem(f"spec.{field}", "networks-overlap", "networks of one host overlap", detail)


def taken_names(resources: Resources) -> Mistakes:
    """Instances of several projects in one shared network: their names are names of that network."""
    holders: dict[tuple[Address, str], Resource] = {}
    for each in resources.values():
        for nic in each.spec.networks if each.address.kind == "Instance" else ():
            network = nic_network(each, nic)
            holder = holders.setdefault((network, each.address.name), each)
            if holder is not each:
                detail = (
                    f"{holder.address} ({holder.place}) is in {network} already, where `{each.address.name}` can be the"
                    " name of one only. Rename one of them, or join it to another network."
                )
                yield each, Problem(f"spec.networks.{nic}", "name-taken", "name is taken in the network", detail)


class _Net(msgspec.Struct, frozen=True):
    """A network's ranges, and its addresses that no instance can have."""

    resource: Resource
    cidr: ipaddress.IPv4Network
    cidr6: ipaddress.IPv6Network | None
    first: int
    last: int
    reserved: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.resource.address} ({self.resource.place})"


def _net(network: Resource) -> _Net:
    cidr = ipaddress.IPv4Network(network.spec.cidr)
    reserved = dict.fromkeys((str(cidr[0]), str(cidr[-1])), "network or broadcast address")
    if gateway := gateway_of(network.spec):
        reserved[gateway] = "gateway"
    cidr6 = ipaddress.IPv6Network(network.spec.cidr6) if network.spec.cidr6 else None
    return _Net(network, cidr, cidr6, int(cidr[0]), int(cidr[-1]), reserved)


def bad_addresses(resources: Resources) -> Mistakes:
    """Declared addresses that their network does not have to give, or gave to another."""
    holders: dict[tuple[Address, str], tuple[Resource, str]] = {}
    nets: dict[Address, _Net] = {}
    for each in resources.values():
        for name, nic in each.spec.networks.items() if each.address.kind == "Instance" else ():
            target = nic_network(each, name)
            if target in resources and (nic.address or nic.address6):
                if target not in nets:
                    nets[target] = _net(resources[target])
                for path, address, problem in _declared(nets[target], nic, f"spec.networks.{name}"):
                    first = holders.setdefault((target, address), (each, path))
                    if mistake := problem or _taken(target, address, first, (each, path)):
                        yield each, mistake


def _declared(net: _Net, nic: NicSpec, path: str) -> Iterator[tuple[str, str, Problem | None]]:
    """The addresses that a NIC declares: path, canonical form, and what is wrong with it."""
    if nic.address:
        yield f"{path}.address", nic.address, _bad_address(net, f"{path}.address", nic.address)
    if nic.address6:
        address = str(ipaddress.IPv6Address(nic.address6))
        yield f"{path}.address6", address, _bad_address6(net, f"{path}.address6", nic.address, address)


def _bad_address(net: _Net, path: str, address: str) -> Problem | None:
    if not net.first <= number(address) <= net.last:
        detail = f"{address} is not in {net.cidr} of {net.where}. Choose an address from it, or leave the choice to us."
        return Problem(path, "address-outside-network", "address is outside its network", detail)
    return _reserved(net, path, address, address)


def _bad_address6(net: _Net, path: str, beside: str | None, address: str) -> Problem | None:
    """The low part of `cidr6`, as large as `cidr`, belongs to those who have the IPv4 addresses there."""
    if net.cidr6 is None:
        detail = f"{net.where} has no `cidr6`. Add one there, or remove this line."
        return Problem(path, "no-ipv6", "network has no IPv6", detail)
    if ipaddress.IPv6Address(address) not in net.cidr6:
        detail = f"{address} is not in {net.cidr6} of {net.where}. Choose an address from it, or remove this line."
        return Problem(path, "address-outside-network", "address is outside its network", detail)
    offset = int(ipaddress.IPv6Address(address)) - int(net.cidr6[0])
    size = net.cidr.num_addresses
    owner = str(net.cidr[offset]) if offset < size else beside
    if owner == beside:
        return None
    other = f", or choose one from {net.cidr6[size]} on" if size < net.cidr6.num_addresses else ""
    detail = f"{address} belongs to whoever has {owner} in {net.where}. Declare `address: {owner}` beside it{other}."
    derived = Problem(path, "address-derived", "address belongs to another one", detail)
    return _reserved(net, path, str(owner), address) or derived


def _reserved(net: _Net, path: str, address: str, shown: str) -> Problem | None:
    if address not in net.reserved:
        return None
    detail = f"{shown} is the {net.reserved[address]} of {net.where}. Choose another one."
    return Problem(path, "address-reserved", "address is reserved", detail)


def _taken(network: Address, address: str, first: tuple[Resource, str], this: tuple[Resource, str]) -> Problem | None:
    if first == this:
        return None
    detail = f"{first[0].address} has {address} in {network} already ({first[0].place}). Choose another one."
    return Problem(this[1], "address-taken", "address is taken", detail)
