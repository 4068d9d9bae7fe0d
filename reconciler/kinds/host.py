"""Host: a hypervisor of the trusted configuration, and how this fleet uses it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from reconciler.kinds.base import Kind, Name, Spec, Text, register


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
    description: Text = ""


KIND = register(Kind(name="Host", scope="fleet", spec=HostSpec))
