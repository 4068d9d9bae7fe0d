"""Fleet: the identity of everything, and the bounds of what one commit may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from reconciler.kinds.base import DEFAULT_PROJECT, Kind, Reference, Resource, Spec, Text, register
from reconciler.kinds.defaults import Defaults
from reconciler.kinds.project import default_problems, default_references
from reconciler.kinds.quotas import Quotas

FleetId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\n)",
        title="a UUID in lower case, as `reconciler init` writes it",
        description="The fleet's identity on the hypervisors; `reconciler init` writes it, and it never changes.",
    ),
]


class DeletionBudget(Spec, frozen=True, kw_only=True):
    """How many objects of one kind a single run may delete without being told to: the larger of both."""

    count: Annotated[int, Meta(ge=0, le=100000, description="A number of objects.")] = 3
    percent: Annotated[int, Meta(ge=0, le=100, description="A share of the kind's objects that are ours.")] = 20


class Policy(Spec, frozen=True, kw_only=True):
    """What is asked of the commits after this one. It adds to what the trusted configuration asks, and takes nothing
    from it.
    """

    signatures: Annotated[
        Literal["none", "tip", "all"],
        Meta(
            description="Which commits must be signed by an allowed signer: none, the newest, or all not yet applied."
        ),
    ] = "none"


class FleetSpec(Spec, frozen=True, kw_only=True):
    """At most one per repository."""

    id: FleetId
    description: Text = ""
    deletion_budget: Annotated[
        DeletionBudget, Meta(description="Deletions beyond it are refused, unless allowed by number.")
    ] = DeletionBudget()
    policy: Annotated[Policy, Meta(description="What is asked of the commits that come after.")] = Policy()
    limits: Annotated[Quotas, Meta(description="How much all projects together may declare.")] = Quotas()
    defaults: Annotated[
        Defaults, Meta(description="What instances take where neither they nor their project say it.")
    ] = Defaults()


def _references(resource: Resource) -> Iterator[Reference]:
    yield from default_references(resource, DEFAULT_PROJECT)


KIND = register(Kind(name="Fleet", scope="fleet", spec=FleetSpec, references=_references, check=default_problems))
