"""Project: what belongs together, who is to be billed, and how much it may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from reconciler.kinds.base import Kind, Problem, Reference, Resource, Spec, Text, register, resolve
from reconciler.kinds.defaults import Defaults, readiness_problem
from reconciler.kinds.quotas import Quotas
from reconciler.kinds.security_group import default_group


class ProjectSpec(Spec, frozen=True, kw_only=True):
    """What belongs together. Where any Project is declared, all projects but `default` have to be."""

    quotas: Annotated[Quotas, Meta(description="How much its resources may take together.")] = Quotas()
    defaults: Annotated[Defaults, Meta(description="What its instances take where they say nothing.")] = Defaults()
    description: Text = ""


def default_references(resource: Resource, project: str | None) -> Iterator[Reference]:
    """What the defaults of a project or fleet name; `project` is where a plain name is looked for."""
    for index, name in enumerate(resource.spec.defaults.keypairs or ()):
        yield Reference(f"spec.defaults.keypairs.{index}", resolve("Keypair", name, project), "member")
    for index, name in enumerate(resource.spec.defaults.security_groups or ()):
        yield Reference(f"spec.defaults.securityGroups.{index}", resolve("SecurityGroup", name, project), "member")


def default_problems(spec: Any) -> Iterator[Problem]:
    """What is wrong with the defaults of a project or fleet by themselves."""
    check = spec.defaults.readiness
    if check and (problem := readiness_problem("spec.defaults.readiness", check)):
        yield problem


def _references(resource: Resource) -> Iterator[Reference]:
    yield from default_references(resource, resource.address.name)


def _implied(resource: Resource) -> Iterator[Resource]:
    yield default_group(resource.address.name, resource.place)


KIND = register(
    Kind(
        name="Project",
        scope="fleet",
        spec=ProjectSpec,
        references=_references,
        check=default_problems,
        implied=_implied,
    )
)
