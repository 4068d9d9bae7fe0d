"""Instance: its object on the host that it is placed on, made from all that it refers to."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

from reconciler import quantity
from reconciler.address import Address, ObjectKey
from reconciler.kinds.base import Kind, Reference, Resource, World, register, resolve
from reconciler.kinds.flavor import FlavorSpec, extra_fields
from reconciler.kinds.host import HostSpec
from reconciler.kinds.image import ImageSpec, content_id
from reconciler.kinds.instance import (
    AFTER,
    ALLOW,
    DEFAULT_RESTART,
    InstanceSpec,
    awaited,
    groups_of,
    nic_groups,
    nic_network,
    primary_nic,
    readiness_of,
    secret_of,
    volume_of,
)
from reconciler.kinds.instance.check import check
from reconciler.kinds.network import gateway6_of, gateway_of
from reconciler.kinds.security_group import implied_group
from reconciler.objects import Await, Value, Wanted
from reconciler.publickey import fingerprint


def _references(resource: Resource) -> Iterator[Reference]:
    spec: InstanceSpec = resource.spec
    project = resource.address.project
    yield Reference("spec.flavor", resolve("Flavor", spec.flavor, project))
    yield Reference("spec.image", resolve("Image", spec.image, project))
    if spec.placement.host:
        yield Reference("spec.placement.host", resolve("Host", spec.placement.host, project))
    for index, name in enumerate(spec.keypairs or ()):
        yield Reference(f"spec.keypairs.{index}", resolve("Keypair", name, project))
    for index, name in enumerate(spec.depends_on):
        yield Reference(f"spec.dependsOn.{index}", resolve("Instance", name, project), "after")
    for disk, use in spec.volumes.items():
        yield Reference(f"spec.volumes.{disk}" + (".volume" if use.volume else ""), volume_of(resource, disk))
    for index, name in enumerate(groups_of(spec)):
        yield Reference(f"spec.securityGroups.{index}", resolve("SecurityGroup", name, project))
    for nic, nic_spec in spec.networks.items():
        named = f"spec.networks.{nic}" + (".network" if nic_spec.network else "")
        yield Reference(named, nic_network(resource, nic))
        for index, name in enumerate(nic_spec.security_groups or ()):
            yield Reference(f"spec.networks.{nic}.securityGroups.{index}", resolve("SecurityGroup", name, project))


def _keys(resource: Resource, world: World) -> list[str]:
    """The key lines of its keypairs; naming one twice means nothing."""
    named = (resolve("Keypair", name, resource.address.project) for name in resource.spec.keypairs or ())
    addresses = dict.fromkeys(named)
    return [" ".join(world.spec(address).public_key.split()) for address in addresses]


def _digest(text: str | None) -> str | None:
    return None if text is None else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _nic_fields(resource: Resource, world: World, name: str) -> Iterator[tuple[str, Value]]:
    nic = world.nics[resource.address, name]
    yield "network", str(nic.network)
    yield "mac", nic.mac
    yield "address", nic.address
    if nic.address6:
        yield "address6", str(ipaddress.IPv6Address(nic.address6))
    yield "securityGroups", tuple(sorted({str(group) for group in nic_groups(resource, name)}))
    if world.spec(nic.network).mode != "bridge":  # on a wire no resolver of ours answers
        yield "dnsName", resource.address.name
    yield "filter", "enforced"


def _fields(resource: Resource, world: World, host: HostSpec) -> dict[str, Value]:
    spec: InstanceSpec = resource.spec
    flavor = world.spec(Address("Flavor", None, spec.flavor))
    image = world.spec(Address("Image", None, spec.image))
    fields: dict[str, Value] = {
        "powerState": spec.power_state,
        "vcpus": flavor.vcpus,
        "memory": quantity.parse(flavor.memory),
        "disk.size": quantity.parse(flavor.disk),
        "image": f"{spec.image}@{content_id(image)}",
        "machine": image.properties.machine_type or host.machine,
        "virtType": host.virt_type,
        "boot.commandLine": image.boot.command_line if image.boot else None,
        # That of its origin: a guest that is renamed answers to its new name in DNS, and is not made anew for it.
        "seed.hostname": resource.origin.name,
        "seed.keys": tuple(sorted({fingerprint(key) for key in _keys(resource, world)})),
        "seed.userData": user_data_field(spec),
    }
    fields.update({path: value for path, value in _optional(spec, flavor, image, host) if value is not None})
    fields.update(_volume_fields(resource, world))
    for nic in sorted(spec.networks):
        fields.update({f"nics.{nic}.{name}": value for name, value in _nic_fields(resource, world, nic)})
    return fields


def _optional(spec: InstanceSpec, flavor: FlavorSpec, image: ImageSpec, host: HostSpec) -> Iterator[tuple[str, Value]]:
    """What is wanted only where somebody declares it."""
    yield "cpu", host.cpu
    yield "autostart", spec.autostart
    yield "vcpus.max", flavor.max_vcpus
    yield "memory.max", quantity.parse(flavor.max_memory) if flavor.max_memory else None
    yield "firmware", image.properties.firmware_type
    yield "secureBoot", image.properties.secure_boot and image.properties.secure_boot == "required"
    yield "guestAgent", image.properties.guest_agent
    yield from extra_fields(flavor).items()


def _volume_fields(resource: Resource, world: World) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for disk, use in sorted(resource.spec.volumes.items()):
        volume = volume_of(resource, disk)
        fields[f"volumes.{disk}.volume"] = str(volume)
        fields[f"volumes.{disk}.serial"] = world.identity.serial(world.resources[volume].origin)
        fields[f"volumes.{disk}.readOnly"] = use.read_only
    return fields


def user_data_field(spec: InstanceSpec) -> str | None:
    """Its digest, or the name of the secret that it is: secrets are never digested."""
    if secret := secret_of(spec):
        return f"secret:{secret}"
    return _digest(spec.user_data)


def _payload(resource: Resource, world: World) -> dict[str, str]:
    """What the seed and the filters are made of; per NIC also what its network says."""
    spec: InstanceSpec = resource.spec
    payload = {"keys": "\n".join(_keys(resource, world)), "primaryNic": primary_nic(spec)}
    if spec.user_data is not None:
        payload["userData"] = spec.user_data
    elif secret := secret_of(spec):
        payload["userDataSecret"] = secret
    for nic in spec.networks:
        network = world.spec(nic_network(resource, nic))
        payload[f"nics.{nic}.gateway"] = gateway_of(network) or ""
        payload[f"nics.{nic}.prefix"] = network.cidr.partition("/")[2]
        payload[f"nics.{nic}.domain"] = network.dns.domain or ""
        payload[f"nics.{nic}.dns"] = " ".join(network.dns.servers)
        payload[f"nics.{nic}.dhcp"] = "yes" if network.dhcp and network.mode != "bridge" else ""
        if network.cidr6:
            payload[f"nics.{nic}.gateway6"] = gateway6_of(network) or ""
            payload[f"nics.{nic}.prefix6"] = network.cidr6.partition("/")[2]
    return payload


def _needs(resource: Resource, world: World, host: str) -> Iterator[ObjectKey]:
    spec: InstanceSpec = resource.spec
    yield from world.keys(resolve("Image", spec.image, None), host)
    for disk in spec.volumes:
        yield from world.keys(volume_of(resource, disk), host)
    for nic in spec.networks:
        yield from world.keys(nic_network(resource, nic), host)
        for group in nic_groups(resource, nic):
            yield from world.keys(group, host)


def _awaits(resource: Resource, world: World) -> Iterator[Await]:
    for other in awaited(resource):
        origin = world.resources[other].origin
        for host in world.hosts.get(other, ()):
            yield Await(key=ObjectKey(host, other), readiness=readiness_of(world.spec(other)), origin=origin)


def _guards(resource: Resource, world: World) -> Iterator[str]:
    """Marks on the instance, in order: they count from the commit after the one that writes them. Those of what it
    depends on tell the order in which instances go that nobody declares any more.
    """
    spec: InstanceSpec = resource.spec
    yield from sorted({f"{AFTER}{world.resources[other].origin}" for other in awaited(resource)})
    yield from sorted({f"{ALLOW}{impact}" for impact in (spec.update_policy.allow if spec.update_policy else ())})
    if spec.protected:
        yield "protected"


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    for host in world.hosts.get(resource.address, ()):
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields=_fields(resource, world, world.spec(Address("Host", None, host))),
            payload=_payload(resource, world),
            needs=tuple(sorted(set(_needs(resource, world, host)))),
            guards=tuple(_guards(resource, world)),
            ready=readiness_of(resource.spec),
            awaits=tuple(sorted(_awaits(resource, world))),
            restart=resource.spec.restart_policy or DEFAULT_RESTART,
            place=resource.place,
        )


KIND = register(
    Kind(
        name="Instance",
        scope="project",
        spec=InstanceSpec,
        references=_references,
        realise=_realise,
        check=check,
        movable=True,
        implied=implied_group,
    )
)
