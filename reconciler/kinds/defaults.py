"""What instances take from their project, and then from their fleet, where they say nothing themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from reconciler.kinds.base import Duration, Ref, Spec

Check = Annotated[
    str,
    Meta(
        pattern=r"^(none|running|address|agent|cloud-init|tcp:[1-9][0-9]{0,4})$(?!\n)",
        title="one of none, running, address, agent, cloud-init, or tcp:PORT",
        description="What has to be so before the instance counts as ready.",
    ),
]
Consentable = Literal["interrupt", "migrate", "restart", "rebuild", "replace"]


class UpdatePolicy(Spec, frozen=True, kw_only=True):
    """Consent given in advance. It counts from the commit after the one that writes it."""

    allow: Annotated[
        tuple[Consentable, ...], Meta(max_length=5, description="Impacts that need no further consent.")
    ] = ()


class Defaults(Spec, frozen=True, kw_only=True):
    """Fields of instances that declare none."""

    keypairs: Annotated[tuple[Ref, ...], Meta(max_length=64, description="Who may log in.")] | None = None
    security_groups: (
        Annotated[tuple[Ref, ...], Meta(max_length=32, description="What may reach an instance.")] | None
    ) = None
    readiness: Annotated[Check | None, Meta(description="When an instance counts as ready.")] = None
    readiness_deadline: Annotated[Duration | None, Meta(description="How long it has to become so.")] = None
    update_policy: Annotated[UpdatePolicy | None, Meta(description="Consent given in advance.")] = None
    autostart: Annotated[bool | None, Meta(description="Whether it starts with its host.")] = None
