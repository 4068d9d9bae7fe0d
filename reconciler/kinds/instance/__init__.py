"""Instance: what a manifest of one says, and what follows from it alone."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler import duration
from reconciler.address import Address
from reconciler.kinds.base import Duration, Name, Ref, Resource, Spec, Text, resolve
from reconciler.kinds.defaults import Check, Defaults, Restart, UpdatePolicy
from reconciler.objects import Readiness, RestartPolicy

MOST_USER_DATA = 65_535
"""Characters, as Nova has it."""


class NicSpec(Spec, frozen=True, kw_only=True):
    """One network interface; its name in the map is its identity."""

    network: Annotated[Ref, Meta(description="The network; the NIC's own name if absent.")] | None = None
    address: Annotated[str, Meta(description="A fixed IPv4 address; one is assigned if absent.")] | None = None
    address6: (
        Annotated[
            str,
            Meta(
                description="A fixed IPv6 address. If absent it follows from the IPv4 one: it is as far into `cidr6` as"
                " that is into `cidr`. So that the two never meet, a fixed one is further into it, or the one that"
                " belongs to the declared `address`."
            ),
        ]
        | None
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
        Annotated[
            Name,
            Meta(
                description="A secret of the trusted configuration: never stored, shown or digested, so a new value"
                " counts for what is made anew."
            ),
        ]
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

    flavor: Annotated[Name, Meta(description="The Flavor that gives its vCPUs, memory and root disk.")]
    image: Annotated[Name, Meta(description="The Image that its root disk starts from.")]
    networks: Annotated[
        dict[Name, NicSpec], Meta(min_length=1, max_length=16, description="Its network interfaces, by name.")
    ]
    volumes: Annotated[dict[Name, VolumeUse], Meta(max_length=24, description="Its data disks, by name.")] = (
        msgspec.field(default_factory=dict)
    )
    keypairs: (
        Annotated[
            tuple[Ref, ...],
            Meta(max_length=64, description="Keypairs of those who may log in; the defaults if absent."),
        ]
        | None
    ) = None
    security_groups: (
        Annotated[
            tuple[Ref, ...],
            Meta(max_length=32, description="What may reach it; if absent the defaults, and without any `default`."),
        ]
        | None
    ) = None
    user_data: (
        Annotated[
            str, Meta(max_length=MOST_USER_DATA, description="cloud-init user data. Not secret: it stands in Git.")
        ]
        | None
    ) = None
    user_data_from: Annotated[
        UserDataFrom | None, Meta(description="Where user data comes from, if it does not stand here.")
    ] = None
    power_state: Annotated[Literal["Running", "Stopped"], Meta(description="Whether it runs.")] = "Running"
    placement: Annotated[Placement, Meta(description="Where it may run; anywhere if absent.")] = Placement()
    depends_on: Annotated[
        tuple[Ref, ...], Meta(max_length=64, description="Instances that must be ready before this one is made.")
    ] = ()
    readiness: Check | None = None
    readiness_deadline: (
        Annotated[Duration, Meta(description="How long it has to become ready; 5m if absent.")] | None
    ) = None
    update_policy: Annotated[UpdatePolicy | None, Meta(description="Consent given in advance.")] = None
    autostart: Annotated[bool, Meta(description="Whether it starts with its host; false if absent.")] | None = None
    restart_policy: Restart | None = None
    protected: Annotated[
        bool,
        Meta(description="Refuses deletion until a commit that lifts it has been applied."),
    ] = False
    description: Text = ""


DEFAULT_GROUPS = ("default",)
DEFAULT_READINESS, DEFAULT_DEADLINE = "running", "5m"
DEFAULT_RESTART: RestartPolicy = "OnCrash"


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


def secret_of(spec: InstanceSpec) -> str | None:
    """The secret of the trusted configuration that its user data is, if it is one."""
    return spec.user_data_from.secret_ref if spec.user_data_from else None


def volume_of(resource: Resource, disk: str) -> Address:
    """The volume that a data disk is."""
    return resolve("Volume", resource.spec.volumes[disk].volume or disk, resource.address.project)


ALLOW, AFTER = "allow:", "after:"
"""Begin the marks of an instance: impacts that its `updatePolicy` allows, and origins of what it depends on."""


def awaited(resource: Resource) -> list[Address]:
    """The instances that must be ready before this one is made."""
    return [resolve("Instance", name, resource.address.project) for name in resource.spec.depends_on]


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
