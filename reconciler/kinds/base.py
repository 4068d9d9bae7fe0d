"""What every kind has in common: how a resource looks, what a kind must say about itself, what realising may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from reconciler import duration, quantity
from reconciler.address import NAME_PATTERN, Address, ObjectKey
from reconciler.diagnostic import Diagnostic, Place, Severity
from reconciler.identity import Identity
from reconciler.objects import Observed, Wanted

API_VERSION = "reconciler/v1"
DEFAULT_PROJECT = "default"

Name = Annotated[
    str,
    Meta(
        pattern=NAME_PATTERN,
        title="a name: a-z, 0-9 and `-`, with a letter or digit at both ends, at most 63 characters",
    ),
]
Ref = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$(?!\n)",
        title="a reference: `name` or `project/name`",
        description="The name of another resource: `name`, or `project/name`.",
    ),
]
Size = Annotated[
    str, Meta(pattern=quantity.PATTERN, title="a size: a whole number and Ki, Mi, Gi or Ti, such as 512Mi or 4Gi")
]
Sha256 = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        title="a SHA-256 digest: 64 lower-case hex digits, as `sha256sum` prints it",
        description="SHA-256 of the content, in lower-case hex.",
    ),
]
Text = Annotated[str, Meta(max_length=1024, description="Free text for people.")]
Duration = Annotated[
    str, Meta(pattern=duration.PATTERN, title="a duration: a whole number and s, m or h, such as 90s or 5m")
]
ShareWith = Annotated[
    tuple[
        Annotated[
            str, Meta(pattern=NAME_PATTERN.replace("^", r"^(\*|", 1).replace("$", ")$", 1), title="a project, or `*`")
        ],
        ...,
    ],
    Meta(max_length=1000, description="Projects whose resources may refer to it; `*` means all of them."),
]


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every spec: unknown fields are mistakes, names are camelCase in YAML."""


class Metadata(Spec, frozen=True, kw_only=True):
    """Names a resource and carries what people attach to it."""

    name: Annotated[Name, Meta(description="The resource's name, unique for its kind in its project.")]
    labels: Annotated[dict[str, Text], Meta(description="Short values to select resources by.")] = {}
    annotations: Annotated[dict[str, Text], Meta(description="Free text for people and tools; never interpreted.")] = {}


class ProjectMetadata(Metadata, frozen=True, kw_only=True):
    """Names a resource in its project."""

    project: Annotated[Name, Meta(description="The project it belongs to; `default` if absent.")] = DEFAULT_PROJECT


class MovableMetadata(ProjectMetadata, frozen=True, kw_only=True):
    """Names a resource that may be renamed."""

    origin: (
        Annotated[Ref, Meta(description="The former `name` or `project/name` of what was renamed: its identity stays.")]
        | None
    ) = None


class Resource(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A manifest, understood. `find_place` finds a field by its path (`spec.networks.lan.address`) in the document.

    `find_excerpt` gives the line that stands there, and how many of its columns are meant; `declares` tells whether
    anything is written there. `broken`: the manifest has
    mistakes, and `spec` holds what could be understood of it, or None; nothing is planned from such a resource.
    """

    address: Address
    origin: Address
    spec: Any
    place: Place
    labels: dict[str, str] = {}
    find_place: Callable[[str], Place] | None = None
    find_excerpt: Callable[[str], tuple[str, int]] | None = None
    declares: Callable[[str], bool] | None = None
    broken: bool = False

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """What its spec names: asked for at every turn, so told once."""
        return tuple(resource_kind(self).references(self))

    def place_of(self, path: str) -> Place:
        """Where a field stands; the resource's own place when that is not known."""
        return self.find_place(path) if self.find_place else self.place

    def mistake(self, problem: Problem) -> Diagnostic:
        """The diagnostic for a problem of this resource, at its place."""
        excerpt, length = self.find_excerpt(problem.path) if self.find_excerpt else ("", 1)
        return Diagnostic(
            severity=problem.severity,
            code=problem.code,
            summary=problem.summary,
            detail=problem.detail,
            place=self.place_of(problem.path),
            excerpt="" if problem.secret else excerpt,
            length=length,
        )


class Reference(msgspec.Struct, frozen=True):
    """A field that names another resource. `needs` orders and may form no cycle, and what is needed stands on the
    same host; `member` orders nothing; `after` only orders: what is named stands wherever it stands.
    """

    path: str
    target: Address
    role: Literal["needs", "member", "after"] = "needs"


class Problem(msgspec.Struct, frozen=True):
    """A mistake in a spec that its types cannot tell: where (a path such as `spec.cidr`), what, why and the remedy.

    `secret`: what stands at the place must not be shown.
    """

    path: str
    code: str
    summary: str
    detail: str
    severity: Severity = "error"
    secret: bool = False


class Nic(msgspec.Struct, frozen=True):
    """An instance's addresses in a network, settled; `address6` is None where the network has no IPv6."""

    network: Address
    address: str
    mac: str
    address6: str | None = None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All that realising may look at: settled values only.

    `hosts` has the hosts on which a resource must stand; `nics` is keyed by instance and NIC name; `members` has the
    addresses in each security group, over all hosts; `strangers` has, by group and host, those that mean somebody else
    there.
    """

    identity: Identity
    resources: Mapping[Address, Resource]
    hosts: Mapping[Address, tuple[str, ...]]
    nics: Mapping[tuple[Address, str], Nic]
    members: Mapping[Address, tuple[str, ...]]
    strangers: Mapping[tuple[Address, str], frozenset[str]] = {}

    def spec(self, address: Address) -> Any:
        """The spec of another resource."""
        return self.resources[address].spec

    def keys(self, address: Address, host: str) -> list[ObjectKey]:
        """The objects that stand for a resource on a host."""
        resource = self.resources[address]
        return [wanted.key for wanted in resource_kind(resource).realise(resource, self) if wanted.key.host == host]


def nothing(resource: Resource, world: World) -> Iterator[Wanted]:
    """Realise a kind that has no object of its own: its content goes into others."""
    return iter(())


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of resource: the one place where the core knows it.

    `references` are the resources that a spec names; `check` finds mistakes across its fields; `implied` are
    resources that exist without a manifest; `realise` makes the objects wanted for it. `movable`: its identity can
    stay when it is renamed. `retained`: whether an object of it stays, untouched, once nobody declares it. `as_made`:
    what is wanted of an object that stands, where that follows from how it was made.
    """

    name: str
    scope: Literal["fleet", "project"]
    spec: type[Spec]
    references: Callable[[Resource], Iterable[Reference]] = lambda resource: ()
    check: Callable[[Any], Iterable[Problem]] = lambda spec: ()
    implied: Callable[[Resource], Iterable[Resource]] = lambda resource: ()
    realise: Callable[[Resource, World], Iterator[Wanted]] = nothing
    movable: bool = False
    retained: Callable[[Observed], bool] = lambda observed: False
    as_made: Callable[[Wanted, Observed], Wanted] = lambda wanted, observed: wanted

    @property
    def metadata(self) -> type[Metadata]:
        """What its manifests' `metadata` may hold."""
        if self.scope == "fleet":
            return Metadata
        return MovableMetadata if self.movable else ProjectMetadata


REGISTRY: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind to the registry; called once per module of `reconciler.kinds`."""
    REGISTRY[kind.name] = kind
    return kind


def resource_kind(resource: Resource) -> Kind:
    """The kind of a resource."""
    return REGISTRY[resource.address.kind]


@lru_cache(maxsize=1 << 15)
def resolve(kind: str, text: str, project: str | None) -> Address:
    """The address that a reference means: `name` in the same project, or `project/name`."""
    if REGISTRY[kind].scope == "fleet":
        return Address(kind, None, text)
    owner, _, name = text.rpartition("/")
    return Address(kind, owner or project, name)
