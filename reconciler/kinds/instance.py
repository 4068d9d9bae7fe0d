"""Instance: a guest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler import duration, quantity
from reconciler.address import Address, ObjectKey
from reconciler.cidr import parse_address
from reconciler.kinds.base import (
    Duration,
    Kind,
    Name,
    Problem,
    Ref,
    Reference,
    Resource,
    Spec,
    Text,
    World,
    register,
    resolve,
)
from reconciler.kinds.defaults import Check, Defaults, UpdatePolicy
from reconciler.kinds.flavor import FlavorSpec, extra_fields
from reconciler.kinds.host import HostSpec
from reconciler.kinds.image import ImageSpec, content_id
from reconciler.kinds.network import gateway6_of, gateway_of
from reconciler.kinds.security_group import implied_group
from reconciler.objects import Await, Readiness, Value, Wanted
from reconciler.publickey import fingerprint
from reconciler.suggest import shown


class NicSpec(Spec, frozen=True, kw_only=True):
    """One network interface; its name in the map is its identity."""

    network: Annotated[Ref, Meta(description="The network; the NIC's own name if absent.")] | None = None
    address: Annotated[str, Meta(description="A fixed IPv4 address; one is assigned if absent.")] | None = None
    address6: (
        Annotated[str, Meta(description="A fixed IPv6 address; if absent it follows from the IPv4 one.")] | None
    ) = None
    security_groups: (
        Annotated[tuple[Ref, ...], Meta(max_length=32, description="Instead of the instance's `securityGroups`.")]
        | None
    ) = None
    primary: Annotated[bool, Meta(description="Carries the default route; the first by name if none says so.")] = False


class VolumeUse(Spec, frozen=True, kw_only=True):
    """One data disk; its name in the map is its identity."""

    volume: Annotated[Ref, Meta(description="The volume; the disk's own name if absent.")] | None = None
    read_only: Annotated[bool, Meta(description="Whether the guest may only read it.")] = False


class UserDataFrom(Spec, frozen=True, kw_only=True):
    """Exactly one of `file` and `secretRef`."""

    file: (
        Annotated[str, Meta(max_length=512, description="A file of the same commit, relative to the manifest.")] | None
    ) = None
    secret_ref: (
        Annotated[Name, Meta(description="A secret of the trusted configuration: never stored, shown or digested.")]
        | None
    ) = None


class Placement(Spec, frozen=True, kw_only=True):
    """Where the instance runs. Nothing moves by itself: this decides for new ones, and tells of those that stand."""

    host: Annotated[Name, Meta(description="The host that it must run on.")] | None = None
    zone: Annotated[Name, Meta(description="The failure domain that it must run in.")] | None = None
    host_labels: Annotated[dict[str, Text], Meta(description="Labels that its host must have.")] = msgspec.field(
        default_factory=dict
    )


class InstanceSpec(Spec, frozen=True, kw_only=True):
    """A guest, its size, what it boots, what it is joined to, and who may log in."""

    flavor: Annotated[Name, Meta(description="Its size.")]
    image: Annotated[Name, Meta(description="What its root disk starts from.")]
    networks: Annotated[
        dict[Name, NicSpec], Meta(min_length=1, max_length=16, description="Its network interfaces, by name.")
    ]
    volumes: Annotated[dict[Name, VolumeUse], Meta(max_length=24, description="Its data disks, by name.")] = (
        msgspec.field(default_factory=dict)
    )
    keypairs: Annotated[tuple[Ref, ...], Meta(max_length=64, description="Who may log in.")] | None = None
    security_groups: (
        Annotated[tuple[Ref, ...], Meta(max_length=32, description="What may reach it; `default` if absent.")] | None
    ) = None
    user_data: (
        Annotated[str, Meta(max_length=65535, description="cloud-init user data. Not secret: it stands in Git.")] | None
    ) = None
    user_data_from: Annotated[UserDataFrom | None, Meta(description="Where user data comes from, instead.")] = None
    power_state: Annotated[Literal["Running", "Stopped"], Meta(description="Whether it runs.")] = "Running"
    placement: Annotated[Placement, Meta(description="Where it runs.")] = Placement()
    depends_on: Annotated[
        tuple[Ref, ...], Meta(max_length=64, description="Instances that must be ready before this one is made.")
    ] = ()
    readiness: Annotated[Check, Meta(description="When it counts as ready; `running` if absent.")] | None = None
    readiness_deadline: Annotated[Duration, Meta(description="How long it has to become so; 5m if absent.")] | None = (
        None
    )
    update_policy: Annotated[UpdatePolicy | None, Meta(description="Consent given in advance.")] = None
    autostart: Annotated[bool, Meta(description="Whether it starts with its host; false if absent.")] | None = None
    protected: Annotated[
        bool,
        Meta(description="Refuses deletion until a commit that lifts it has been applied."),
    ] = False
    description: Text = ""


DEFAULT_GROUPS = ("default",)
DEFAULT_READINESS, DEFAULT_DEADLINE = "running", "5m"


def with_defaults(spec: InstanceSpec, *layers: Defaults) -> InstanceSpec:
    """The spec with what it does not say taken from the first layer that does."""
    missing = [name for name in Defaults.__struct_fields__ if getattr(spec, name) is None]
    found = {
        name: value for layer in reversed(layers) for name in missing if (value := getattr(layer, name)) is not None
    }
    return msgspec.structs.replace(spec, **found) if found else spec


def readiness_of(spec: InstanceSpec) -> Readiness:
    """When an instance counts as ready; one that is to be stopped need not become so."""
    check = (spec.readiness or DEFAULT_READINESS) if spec.power_state == "Running" else "none"
    return Readiness(check=check, deadline=duration.parse(spec.readiness_deadline or DEFAULT_DEADLINE))


def volume_of(resource: Resource, disk: str) -> Address:
    """The volume that a data disk is."""
    return resolve("Volume", resource.spec.volumes[disk].volume or disk, resource.address.project)


def nic_network(resource: Resource, nic: str) -> Address:
    """The network that a NIC is joined to."""
    return resolve("Network", resource.spec.networks[nic].network or nic, resource.address.project)


def nic_groups(resource: Resource, nic: str) -> list[Address]:
    """The security groups of a NIC."""
    names = resource.spec.networks[nic].security_groups
    names = groups_of(resource.spec) if names is None else names
    return [resolve("SecurityGroup", name, resource.address.project) for name in names]


def groups_of(spec: InstanceSpec) -> tuple[str, ...]:
    """The groups of its NICs that name none of their own."""
    return DEFAULT_GROUPS if spec.security_groups is None else spec.security_groups


def primary_nic(spec: InstanceSpec) -> str:
    """The NIC that carries the default route."""
    return next((name for name, nic in sorted(spec.networks.items()) if nic.primary), min(spec.networks))


_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<!lock_)(password|passwd|secret|token|api_?key|access_?key)[\"']?[ \t]*[:=][ \t]*(?!true|false)[^\s$<{]"
    r"|\b(AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{30,}|glpat-[0-9A-Za-z_-]{20,})\b",
    re.IGNORECASE,
)
"""What secrets in user data tend to look like. Anything that goes on for long is anchored: the text is untrusted."""


def _check(spec: InstanceSpec) -> Iterator[Problem]:
    primary = [name for name, nic in spec.networks.items() if nic.primary]
    for name in primary[1:]:
        detail = f"`{primary[0]}` is primary already; one interface carries the default route."
        yield Problem(f"spec.networks.{name}.primary", "two-primaries", "more than one primary interface", detail)
    for name, nic in spec.networks.items():
        if nic.address is not None and parse_address(nic.address) is None:
            detail = f"{shown(nic.address)} is no IPv4 address, such as 10.10.0.5."
            yield Problem(f"spec.networks.{name}.address", "bad-address", "not an address", detail)
    if _SECRETS.search(spec.user_data or ""):
        yield Problem(
            "spec.userData",
            "secret-in-user-data",
            "user data seems to hold a secret",
            "Everyone who can read the repository, or log in to the guest, can read it. Let the guest fetch secrets"
            " after it has started, and let people log in by keypair.",
            severity="warning",
            secret=True,
        )


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
        yield "address6", nic.address6
    yield "securityGroups", tuple(sorted({str(group) for group in nic_groups(resource, name)}))
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
        "seed.userData": _user_data(spec),
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


def _user_data(spec: InstanceSpec) -> str | None:
    """Its digest, or the name of the secret that it is: secrets are never digested."""
    if spec.user_data_from and spec.user_data_from.secret_ref:
        return f"secret:{spec.user_data_from.secret_ref}"
    return _digest(spec.user_data)


def _payload(resource: Resource, world: World) -> dict[str, str]:
    """What the seed and the filters are made of; per NIC also what its network says."""
    spec: InstanceSpec = resource.spec
    payload = {"keys": "\n".join(_keys(resource, world)), "primaryNic": primary_nic(spec)}
    if spec.user_data is not None:
        payload["userData"] = spec.user_data
    elif spec.user_data_from and spec.user_data_from.secret_ref:
        payload["userDataSecret"] = spec.user_data_from.secret_ref
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
    for name in resource.spec.depends_on:
        other = resolve("Instance", name, resource.address.project)
        for host in world.hosts.get(other, ()):
            yield Await(key=ObjectKey(host, other), readiness=readiness_of(world.spec(other)))


def _guards(spec: InstanceSpec) -> Iterator[str]:
    """Marks on the instance: they count from the commit after the one that writes them."""
    allowed = spec.update_policy.allow if spec.update_policy else ()
    yield from sorted(f"allow:{impact}" for impact in set(allowed))
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
            guards=tuple(_guards(resource.spec)),
            ready=readiness_of(resource.spec),
            awaits=tuple(sorted(_awaits(resource, world))),
            place=resource.place,
        )


KIND = register(
    Kind(
        name="Instance",
        scope="project",
        spec=InstanceSpec,
        references=_references,
        realise=_realise,
        check=_check,
        movable=True,
        implied=implied_group,
    )
)
