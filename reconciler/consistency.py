"""What can be wrong between resources, each of which is right by itself."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping

from reconciler.address import Address
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Problem, Reference, Resource, resource_kind
from reconciler.kinds.instance import nic_network
from reconciler.kinds.network import gateway_of
from reconciler.suggest import did_you_mean

Resources = Mapping[Address, Resource]


def unknown_references(known: Resources, complete: bool) -> Iterator[Diagnostic]:
    """References to what is not declared (unless not everything was read), or belongs to another project."""
    names: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for address in known:
        names[address.kind, address.project].append(address.name)
    for resource in known.values():
        references = () if resource.spec is None else resource_kind(resource).references(resource)
        for reference in references:
            target = reference.target
            if target.project not in (None, resource.address.project):
                yield resource.mistake(_not_shared(reference, resource.address.project))
            elif target not in known and complete:
                near = did_you_mean(target.name, names[target.kind, target.project])
                elsewhere = "" if near else _elsewhere(known, target)
                detail = f"{target} is not declared.{near or elsewhere}"
                yield resource.mistake(Problem(reference.path, "unknown-reference", "unknown reference", detail))


def _not_shared(reference: Reference, project: str | None) -> Problem:
    target = reference.target
    detail = (
        f"{target} belongs to another project, and is not shared with `{project}`."
        f" Declare {target.kind} `{target.name}` in project `{project}`, and refer to that."
    )
    return Problem(reference.path, "not-shared", "reference into another project", detail)


def _elsewhere(known: Resources, target: Address) -> str:
    """Where something of that name is, if it is in another project."""
    found = min((a for a in known if a.kind == target.kind and a.name == target.name), default=None)
    return f" There is {found}, in another project." if found else ""


def clashes(resources: Resources) -> Iterator[Diagnostic]:
    """Resources that cannot be true together."""
    yield from _taken_origins(resources)
    yield from _overlapping_networks(resources)
    yield from _bad_addresses(resources)


def _taken_origins(resources: Resources) -> Iterator[Diagnostic]:
    """Two resources with one identity would be one object on the hypervisor."""
    holders = {address: address for address, resource in resources.items() if resource.origin == address}
    for address, resource in resources.items():
        holder = holders.setdefault(resource.origin, address)
        if holder != address:
            detail = (
                f"{holder} ({resources[holder].place}) has the identity of {resource.origin} already."
                " Only one resource can: remove this line, or the other resource."
            )
            yield resource.mistake(Problem("metadata.origin", "origin-taken", "origin is taken", detail))


def _overlapping_networks(resources: Resources) -> Iterator[Diagnostic]:
    """Networks of one host may not overlap: its routes could not tell them apart."""
    hosts = [address.name for address in resources if address.kind == "Host"]
    only = hosts[0] if len(hosts) == 1 else None
    by_host: dict[str, list[tuple[ipaddress.IPv4Network, Address]]] = defaultdict(list)
    for address, resource in resources.items():
        if address.kind == "Network" and (host := resource.spec.host or only):
            by_host[host].append((ipaddress.IPv4Network(resource.spec.cidr), address))
    for host, networks in sorted(by_host.items()):
        yield from _overlaps(resources, host, sorted(networks))


def _overlaps(
    resources: Resources, host: str, networks: list[tuple[ipaddress.IPv4Network, Address]]
) -> Iterator[Diagnostic]:
    """Of sorted networks, each that begins before the widest one so far has ended."""
    widest: tuple[ipaddress.IPv4Network, Address] | None = None
    for cidr, address in networks:
        if widest and cidr[0] <= widest[0][-1]:
            detail = (
                f"{cidr} overlaps {widest[0]} of {widest[1]} ({resources[widest[1]].place_of('spec.cidr')}), and both"
                f" are on host `{host}`. Give one of them another range."
            )
            problem = Problem("spec.cidr", "networks-overlap", "networks of one host overlap", detail)
            yield resources[address].mistake(problem)
        else:
            widest = cidr, address


def _bad_addresses(resources: Resources) -> Iterator[Diagnostic]:
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
) -> Iterator[Diagnostic]:
    cidr = ipaddress.IPv4Network(network.spec.cidr)
    where = f"{network.address} ({network.place_of('spec.cidr')})"
    if ipaddress.IPv4Address(address) not in cidr:
        detail = f"{address} is not in {cidr} of {where}. Choose an address from it, or leave the choice to us."
        yield instance.mistake(Problem(path, "address-outside-network", "address is outside its network", detail))
    elif address in (gateway_of(network.spec), str(cidr[0]), str(cidr[-1])):
        use = "gateway" if address == gateway_of(network.spec) else "network or broadcast address"
        detail = f"{address} is the {use} of {where}. Choose another one."
        yield instance.mistake(Problem(path, "address-reserved", "address is reserved", detail))
    elif first != (instance, path):
        detail = f"{first[0].address} has {address} in {network.address} already ({first[0].place_of(first[1])})."
        yield instance.mistake(Problem(path, "address-taken", "address is taken", f"{detail} Choose another one."))
