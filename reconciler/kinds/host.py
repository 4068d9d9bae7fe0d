"""Host: a hypervisor of the trusted configuration, and how this fleet uses it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from reconciler.kinds.base import Kind, Name, Size, Spec, Text, register


class Ratios(Spec, frozen=True, kw_only=True):
    """How much more than it has a host may promise; what is used may reach total times ratio, less what is reserved."""

    vcpus: Annotated[float, Meta(ge=0.1, le=64, description="Virtual CPUs per logical CPU.")] = 4.0
    memory: Annotated[float, Meta(ge=0.1, le=8, description="Promised per installed memory.")] = 1.0
    disk: Annotated[float, Meta(ge=0.1, le=64, description="Promised per space of the pool; disks are thin.")] = 1.0


class Reserved(Spec, frozen=True, kw_only=True):
    """What a host keeps for itself."""

    vcpus: Annotated[int, Meta(ge=0, le=4096, description="Virtual CPUs.")] = 0
    memory: Annotated[Size | None, Meta(description="Memory; 512Mi if absent.")] = None
    disk: Annotated[Size | None, Meta(description="Space of the pool; none if absent.")] = None


class HostSpec(Spec, frozen=True, kw_only=True):
    """Names a host; how it is reached stands in the trusted configuration, never in Git."""

    driver: Annotated[
        Literal["simulator"] | None,
        Meta(description="`simulator` for an embedded make-believe host; every other driver is trusted configuration."),
    ] = None
    state: Annotated[
        Literal["Active", "Cordoned", "Maintenance"],
        Meta(description="Active takes new instances; Cordoned keeps those it has; Maintenance is left alone."),
    ] = "Active"
    zone: Annotated[Name, Meta(description="The failure domain that the host is in.")] | None = None
    virt_type: Annotated[
        Literal["kvm", "qemu"],
        Meta(description="kvm uses the CPU's virtualisation; qemu emulates, slowly, and works anywhere."),
    ] = "kvm"
    machine: Annotated[Literal["q35", "pc"], Meta(description="The machine type of new guests.")] = "q35"
    cpu: (
        Annotated[
            Literal["host-model", "host-passthrough", "maximum"],
            Meta(description="The CPU that guests see; if absent the driver chooses."),
        ]
        | None
    ) = None
    ratios: Annotated[Ratios, Meta(description="How much more than it has it may promise.")] = Ratios()
    reserved: Annotated[Reserved, Meta(description="What it keeps for itself.")] = Reserved()
    description: Text = ""


KIND = register(Kind(name="Host", scope="fleet", spec=HostSpec))
