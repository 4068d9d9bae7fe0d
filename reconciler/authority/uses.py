"""What each project may use, by the trusted configuration: secrets, hosts, storage pools, physical networks, and ranges
of addresses. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from reconciler.authority.identity import matches
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Problem, Resource
from reconciler.kinds.instance import InstanceSpec, secret_of
from reconciler.kinds.network import NetworkSpec
from reconciler.kinds.volume import VolumeSpec
from reconciler.placement import Barred
from reconciler.suggest import listed
from reconciler.trust.fields import ProjectTrust
from reconciler.trust.projects import OTHERS

_FREE = ProjectTrust()
_NOUNS = {
    "secrets": "secrets",
    "hosts": "hosts",
    "pools": "storage pools",
    "physical_networks": "physical networks",
    "cidrs": "ranges of addresses",
}

Projects = Mapping[str, ProjectTrust]


def beyond_uses(wanted: Desired, projects: Projects) -> list[Diagnostic]:
    """Each field that names something which the project of its resource may not use."""
    return [
        resource.mistake(_problem(resource, sort, path, patterns))
        for _, resource in sorted(wanted.resources.items() if projects else ())
        for sort, path, name in _named(resource)
        if name and not _may(sort, name, patterns := _patterns(projects, resource.address.project, sort))
    ]


def barred(wanted: Desired, projects: Projects) -> Barred:
    """The declared hosts that each project may not use, where there are such: nothing of it is placed there."""
    hosts = [address.name for address in wanted.resources if address.kind == "Host"] if projects else []
    found = {
        project: frozenset(host for host in hosts if not _covered(host, _patterns(projects, project, "hosts")))
        for project in {address.project for address in wanted.resources if address.project and hosts}
    }
    return {project: names for project, names in found.items() if names}


def _named(resource: Resource) -> Iterator[tuple[str, str, str | None]]:
    """What a resource names of the trusted configuration: the list that must cover it, its field, and the name."""
    match resource.spec:
        case InstanceSpec() as spec:
            yield "secrets", "spec.userDataFrom.secretRef", secret_of(spec)
            yield "hosts", "spec.placement.host", spec.placement.host
        case VolumeSpec() as spec:
            yield "pools", "spec.pool", spec.pool
            yield "hosts", "spec.host", spec.host
        case NetworkSpec() as spec:
            yield "physical_networks", "spec.physicalNetwork", spec.physical_network
            yield "hosts", "spec.host", spec.host
            yield "cidrs", "spec.cidr", spec.cidr
            yield "cidrs", "spec.cidr6", spec.cidr6


def _patterns(projects: Projects, project: str | None, sort: str) -> tuple[str, ...]:
    entry = projects.get(str(project)) or projects.get(OTHERS, _FREE)
    found: tuple[str, ...] = getattr(entry, sort)
    return found


def _covered(name: str, patterns: tuple[str, ...]) -> bool:
    return any(matches(pattern, name) for pattern in patterns)


def _may(sort: str, name: str, patterns: tuple[str, ...]) -> bool:
    """A host sends what is for a network of its own there, whoever else has these addresses elsewhere."""
    return any(_within(name, each) for each in patterns) if sort == "cidrs" else _covered(name, patterns)


def _within(text: str, around: str) -> bool:
    inner, outer = ipaddress.ip_network(text), ipaddress.ip_network(around)
    return inner.version == outer.version and inner[0] in outer and inner[-1] in outer


def _problem(resource: Resource, sort: str, path: str, patterns: tuple[str, ...]) -> Problem:
    may = f"of the {_NOUNS[sort]} only {listed(patterns)}" if patterns else f"none of the {_NOUNS[sort]}"
    detail = (
        f"The trusted configuration lets project {resource.address.project} use {may}. Name another one, or none, or"
        " let whoever keeps that file add it to the project's entry in `projects`."
    )
    return Problem(path, "not-for-project", "project may not use that", detail)
