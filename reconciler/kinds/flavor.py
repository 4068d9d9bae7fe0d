"""Flavor: the size of an instance."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from reconciler.kinds.base import Kind, Size, Spec, Text, register


class FlavorSpec(Spec, frozen=True, kw_only=True):
    """Editing a flavor is a change of every instance that uses it, each under its own impact and consent."""

    vcpus: Annotated[int, Meta(ge=1, le=512, description="Virtual CPUs.")]
    memory: Annotated[Size, Meta(description="Guest memory.")]
    disk: Annotated[Size, Meta(description="Size of the root disk; it can grow, never shrink.")]
    description: Text = ""


KIND = register(Kind(name="Flavor", scope="fleet", spec=FlavorSpec))
