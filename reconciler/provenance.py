"""Which lines of which manifests a value of an object comes from, references followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from reconciler.address import Address
from reconciler.kinds.base import DEFAULT_PROJECT, Resource, resolve
from reconciler.kinds.instance import nic_groups, nic_network

How = Literal["declared", "derived", "default"]
Resources = Mapping[Address, Resource]


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a resource that a value comes from.

    `declared`: the value stands there, or what it refers to does. `derived`: the value was worked out from what stands
    there. `default`: nobody wrote it, and `path` is where it could be written.
    """

    resource: Resource
    path: str
    how: How


class _Chain(msgspec.Struct, frozen=True):
    """Fields in which a value may be written: the first one that is written counts. Those from `derived` on only lead
    to the value.
    """

    fields: tuple[tuple[Address, str], ...]
    derived: int = 99


_FLAVOR = {
    "vcpus": "vcpus",
    "memory": "memory",
    "disk.size": "disk",
    "vcpus.max": "maxVcpus",
    "memory.max": "maxMemory",
}
_IMAGE = {
    "boot.commandLine": "boot.commandLine",
    "machine": "properties.hw_machine_type",
    "firmware": "properties.hw_firmware_type",
    "secureBoot": "properties.os_secure_boot",
    "guestAgent": "properties.hw_qemu_guest_agent",
}
_HOST = frozenset({"machine", "virtType", "cpu"})
_DERIVED = frozenset({"mac", "filter", "serial"})


def roots(resources: Resources, address: Address, host: str, field: str) -> list[Root]:
    """What a field of an object of a resource comes from. `host` is the one on which the object stands."""
    resource = resources.get(address)
    if resource is None:
        return []
    chains = _instance(resource, host, field) if address.kind == "Instance" else _other(resources, resource, field)
    found = (_root(resources, chain) for chain in chains)
    return [root for root in found if root is not None]


def _root(resources: Resources, chain: _Chain) -> Root | None:
    there = [
        (index, resources[address], path) for index, (address, path) in enumerate(chain.fields) if address in resources
    ]
    for index, resource, path in there:
        if resource.declares and resource.declares(path):
            return Root(resource=resource, path=path, how="derived" if index >= chain.derived else "declared")
    return Root(resource=there[0][1], path=there[0][2], how="default") if there else None


def _instance(resource: Resource, host: str, field: str) -> Iterator[_Chain]:
    own, spec = resource.address, resource.spec
    image = Address("Image", None, spec.image)
    name, _, rest = field.partition(".")
    if name == "nics":
        yield _nic(resource, *rest.partition(".")[::2])
    elif name == "volumes":
        yield _disk(own, *rest.partition(".")[::2])
    elif name == "extra":
        yield _Chain(((Address("Flavor", None, spec.flavor), f"spec.extraSpecs.{rest}"),))
    elif field in _FLAVOR:
        yield _Chain(((Address("Flavor", None, spec.flavor), f"spec.{_FLAVOR[field]}"),))
    elif field in _IMAGE or field in _HOST:
        fields = [(image, f"spec.{_IMAGE[field]}")] if field in _IMAGE else []
        yield _Chain((*fields, *([(Address("Host", None, host), f"spec.{field}")] if field in _HOST else [])))
    elif field == "image":
        yield from (_Chain(((own, "spec.image"),)), _Chain(((image, "spec.sha256"), (image, "spec"))))
    elif name == "seed":
        yield from _seed(resource, rest)
    else:
        yield _Chain(_with_defaults(own, field))


def _nic(resource: Resource, nic: str, field: str) -> _Chain:
    own, here = resource.address, f"spec.networks.{nic}"
    if nic not in resource.spec.networks:
        return _Chain(((own, "spec.networks"),))
    network = nic_network(resource, nic)
    match field:
        case "address":
            return _Chain(((own, f"{here}.address"), (network, "spec.addresses"), (network, "spec.cidr")), 1)
        case "address6":
            return _Chain(((own, f"{here}.address6"), (network, "spec.cidr6")), 1)
        case "network":
            return _Chain(((own, f"{here}.network"), (own, here)))
        case "securityGroups":
            return _Chain(((own, f"{here}.securityGroups"), *_with_defaults(own, "securityGroups")))
        case "dnsName":
            return _Chain(((own, "metadata.name"),))
    return _Chain(((own, here),), 0)


def _disk(own: Address, disk: str, field: str) -> _Chain:
    here = f"spec.volumes.{disk}"
    if field == "volume":
        return _Chain(((own, f"{here}.volume"), (own, here)))
    return _Chain(((own, here),), 0) if field in _DERIVED else _Chain(((own, f"{here}.{field}"),))


def _seed(resource: Resource, field: str) -> Iterator[_Chain]:
    own = resource.address
    if field == "hostname":
        yield _Chain(((own, "metadata.origin"), (own, "metadata.name")))
    elif field == "userData":
        yield _Chain(((own, "spec.userData"), (own, "spec.userDataFrom")))
    else:
        yield _Chain(_with_defaults(own, "keypairs"))
        for name in resource.spec.keypairs or ():
            key = resolve("Keypair", name, own.project)
            yield _Chain(((key, "spec.publicKey"), (key, "spec.publicKeyFile")))


def _with_defaults(own: Address, field: str) -> tuple[tuple[Address, str], ...]:
    """A field of an instance, or where it is taken from when the instance has none: its project, the fleet."""
    layers = (Address("Project", None, own.project or DEFAULT_PROJECT), _FLEET)
    return ((own, f"spec.{field}"), *((layer, f"spec.defaults.{field}") for layer in layers))


_FLEET = Address("Fleet", None, "")
"""Stands for the one fleet, whatever its name."""


def with_fleet(resources: Resources, fleet: Resource | None) -> Resources:
    """The resources, with the fleet also where it is looked up here."""
    return {**resources, _FLEET: fleet} if fleet else resources


def _other(resources: Resources, resource: Resource, field: str) -> Iterator[_Chain]:
    own = resource.address
    match own.kind, field:
        case "Image", "files":
            yield _Chain(((own, "spec.sha256"), (own, "spec")))
        case "Network", "active":
            yield _Chain(((own, "metadata.name"),), 0)
        case "Network", "gateway":
            yield _Chain(((own, "spec.gateway"), (own, "spec.cidr")), 1)
        case "Network", "addresses":
            yield _Chain(((own, "spec.addresses"), (own, "spec.cidr")), 1)
        case "Volume", "image":
            yield from (_Chain(((own, "spec.image"),)),)
            yield _Chain(((Address("Image", None, resource.spec.image or ""), "spec.sha256"),))
        case "SecurityGroup", "rules":
            yield from (_Chain(((own, "spec.ingress"),)), _Chain(((own, "spec.egress"),)))
        case "SecurityGroup", "members":
            yield from _members(resources, own)
        case _:
            yield _Chain(((own, f"spec.{field}"),))


def _members(resources: Resources, group: Address) -> Iterator[_Chain]:
    """The lines that put instances into a group."""
    for address, each in sorted(resources.items()):
        if address.kind == "Instance":
            nics = [nic for nic in each.spec.networks if group in nic_groups(each, nic)]
            chains = {_nic(each, nic, "securityGroups").fields: nic for nic in nics}
            yield from (_Chain(fields, 0) for fields in chains)
