"""Wanted objects for one host, made by the kinds from manifests as people write them.

Placement and addressing are not asked: everything stands on the one host, and every NIC declares its address.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.identity import Identity
from reconciler.kinds.base import Nic, Resource, World, resource_kind
from reconciler.kinds.instance import nic_groups, nic_network
from reconciler.kinds.network import address6_of
from reconciler.manifest import Blob
from reconciler.objects import Wanted


def scene(host: str, manifests: str) -> dict[str, Wanted]:
    """The wanted objects on a host, by address as text, each after those that it needs."""
    desired, diagnostics = load([Blob(path="scene.yaml", data=manifests.encode())], lambda path: None)
    assert not failed(diagnostics), diagnostics
    instances = [each for each in desired.resources.values() if each.address.kind == "Instance"]
    nics = {key: nic for instance in instances for key, nic in _nics(desired, instance)}
    world = World(
        identity=Identity(desired.fleet_id),
        resources=desired.resources,
        hosts=dict.fromkeys(desired.resources, (host,)),
        nics=nics,
        members=_members(instances, nics),
    )
    found = [w for each in desired.resources.values() for w in resource_kind(each).realise(each, world)]
    return {str(wanted.key.address): wanted for wanted in sorted(found, key=lambda wanted: len(wanted.needs))}


def _nics(desired: Desired, instance: Resource) -> Iterator[tuple[tuple[Address, str], Nic]]:
    identity = Identity(desired.fleet_id)
    for name, spec in instance.spec.networks.items():
        network = nic_network(instance, name)
        assert spec.address, "a scene declares every address"
        address6 = spec.address6 or address6_of(desired.resources[network].spec, spec.address)
        yield (instance.address, name), Nic(network, spec.address, identity.mac(network, spec.address), address6)


def _members(instances: list[Resource], nics: dict[tuple[Address, str], Nic]) -> dict[Address, tuple[str, ...]]:
    found: dict[Address, set[str]] = {}
    for instance in instances:
        for name in instance.spec.networks:
            nic = nics[instance.address, name]
            for group in nic_groups(instance, name):
                found.setdefault(group, set()).update(each for each in (nic.address, nic.address6) if each)
    return {group: tuple(sorted(addresses)) for group, addresses in found.items()}
