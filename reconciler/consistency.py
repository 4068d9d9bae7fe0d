"""What can be wrong between resources, each of which is right by itself."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

from reconciler.address import Address
from reconciler.kinds.base import Problem, Reference, Resource, resource_kind
from reconciler.kinds.instance import nic_network
from reconciler.kinds.network import gateway_of
from reconciler.suggest import did_you_mean

Resources = Mapping[Address, Resource]
Mistakes = Iterator[tuple[Resource, Problem]]
"""Whose manifest is wrong, and what about it. Finding its place means reading the file again, so who tells does it."""


def unknown_references(known: Resources, complete: bool) -> Mistakes:
    """References to what is not declared (unless not everything was read), or belongs to another project.

    They come lazily, and in the order of places.
    """
    names: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    homes: dict[tuple[str, str], Address] = {}
    for address in sorted(known):
        names[address.kind, address.project].append(address.name)
        homes.setdefault((address.kind, address.name), address)
    for resource in sorted(known.values(), key=lambda resource: resource.place):
        references = () if resource.spec is None else resource_kind(resource).references(resource)
        for reference in references:
            target = reference.target
            if target.project not in (None, resource.address.project):
                yield resource, _not_shared(reference, resource.address.project)
            elif target not in known and complete:
                near = did_you_mean(target.name, names[target.kind, target.project])
                home = homes.get((target.kind, target.name))
                elsewhere = f" There is {home}, in another project." if home and not near else ""
                detail = f"{target} is not declared.{near or elsewhere}"
                yield resource, Problem(reference.path, "unknown-reference", "unknown reference", detail)


def _not_shared(reference: Reference, project: str | None) -> Problem:
    target = reference.target
    detail = (
        f"{target} belongs to another project, and is not shared with `{project}`."
        f" Declare {target.kind} `{target.name}` in project `{project}`, and refer to that."
    )
    return Problem(reference.path, "not-shared", "reference into another project", detail)


def clashes(resources: Resources) -> Mistakes:
    """Resources that cannot be true together."""
    yield from _taken_origins(resources)
    yield from _overlapping_networks(resources)
    yield from _bad_addresses(resources)


def _taken_origins(resources: Resources) -> Mistakes:
    """Two resources with one identity would be one object on the hypervisor."""
    holders = {address: address for address, resource in resources.items() if resource.origin == address}
    for address, resource in resources.items():
        holder = holders.setdefault(resource.origin, address)
        if holder != address:
            detail = (
                f"{holder} ({resources[holder].place}) has the identity of {resource.origin} already."
                " Only one resource can: remove this line, or the other resource."
            )
            yield resource, Problem("metadata.origin", "origin-taken", "origin is taken", detail)


def _overlapping_networks(resources: Resources) -> Mistakes:
    """Networks of one host may not overlap: its routes could not tell them apart."""
    hosts = [address.name for address in resources if address.kind == "Host"]
    only = hosts[0] if len(hosts) == 1 else None
    by_host: dict[str, list[tuple[ipaddress.IPv4Network, Address]]] = defaultdict(list)
    for address, resource in resources.items():
        if address.kind == "Network" and (host := resource.spec.host or only):
            by_host[host].append((ipaddress.IPv4Network(resource.spec.cidr), address))
    for host, networks in sorted(by_host.items()):
        yield from _overlaps(resources, host, sorted(networks))


def _overlaps(resources: Resources, host: str, networks: list[tuple[ipaddress.IPv4Network, Address]]) -> Mistakes:
    """Of sorted networks, each that begins before the widest one so far has ended."""
    widest: tuple[ipaddress.IPv4Network, Address] | None = None
    for cidr, address in networks:
        if widest and cidr[0] <= widest[0][-1]:
            detail = (
                f"{cidr} overlaps {widest[0]} of {widest[1]} ({resources[widest[1]].place}), and both"
                f" are on host `{host}`. Give one of them another range."
            )
            problem = Problem("spec.cidr", "networks-overlap", "networks of one host overlap", detail)
            yield resources[address], problem
        else:
            widest = cidr, address


def _bad_addresses(resources: Resources) -> Mistakes:
    """Declared addresses that their network does not have to give, or gave to another."""
    holders: dict[tuple[Address, str], tuple[Resource, str]] = {}
    for resource in resources.values():
        declared = resource.spec.networks.items() if resource.address.kind == "Instance" else ()
        for nic, spec in declared:
            target = nic_network(resource, nic)
            if spec.address and target in resources:
                path = f"spec.networks.{nic}.address"
                first = holders.setdefault((target, spec.address), (resource, path))
                yield from _bad_address(resource, path, spec.address, resources[target], first)


def _bad_address(
    instance: Resource, path: str, address: str, network: Resource, first: tuple[Resource, str]
) -> Mistakes:
    cidr = ipaddress.IPv4Network(network.spec.cidr)
    where = f"{network.address} ({network.place})"
    if ipaddress.IPv4Address(address) not in cidr:
        detail = f"{address} is not in {cidr} of {where}. Choose an address from it, or leave the choice to us."
        yield instance, Problem(path, "address-outside-network", "address is outside its network", detail)
    elif address in (gateway_of(network.spec), str(cidr[0]), str(cidr[-1])):
        use = "gateway" if address == gateway_of(network.spec) else "network or broadcast address"
        detail = f"{address} is the {use} of {where}. Choose another one."
        yield instance, Problem(path, "address-reserved", "address is reserved", detail)
    elif first != (instance, path):
        detail = f"{first[0].address} has {address} in {network.address} already ({first[0].place})."
        yield instance, Problem(path, "address-taken", "address is taken", f"{detail} Choose another one.")
