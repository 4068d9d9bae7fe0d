"""Network: a local one is an object on its host, one of mode bridge on every host that has an instance in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from reconciler.address import ObjectKey
from reconciler.kinds.base import Kind, Reference, Resource, World, register, resolve
from reconciler.kinds.network import NetworkSpec, gateway6_of, gateway_of, range_of
from reconciler.kinds.network.check import check
from reconciler.objects import Value, Wanted


def _references(resource: Resource) -> Iterator[Reference]:
    if resource.spec.host:
        yield Reference("spec.host", resolve("Host", resource.spec.host, None))


def _fields(spec: NetworkSpec) -> dict[str, Value]:
    fields: dict[str, Value] = {"active": True, "mode": spec.mode, "cidr": spec.cidr}
    if spec.mode == "bridge":
        fields["physicalNetwork"] = spec.physical_network
        fields["vlan"] = spec.vlan
    else:
        first, last = range_of(spec)
        fields |= {"gateway": gateway_of(spec), "addresses": f"{first}-{last}", "dns.domain": spec.dns.domain}
    if spec.cidr6:
        fields |= {"cidr6": str(ipaddress.IPv6Network(spec.cidr6)), "gateway6": gateway6_of(spec)}
    if not spec.dhcp and spec.mode != "bridge":
        fields["dhcp"] = False
    if spec.dns.servers:
        fields["dns.servers"] = tuple(str(ipaddress.ip_address(server)) for server in spec.dns.servers)
    return fields


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    spec: NetworkSpec = resource.spec
    for host in world.hosts.get(resource.address, ()):
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields=_fields(spec),
            place=resource.place,
        )


KIND = register(
    Kind(name="Network", scope="project", spec=NetworkSpec, references=_references, check=check, realise=_realise)
)
