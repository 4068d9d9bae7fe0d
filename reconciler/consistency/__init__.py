"""What can be wrong between resources, each of which is right by itself."""

from __future__ import annotations

from reconciler.consistency import instances, networks
from reconciler.consistency.references import (
    Mistakes,
    Resources,
    mistaken_references,
    undeclared_projects,
    unshared_defaults,
)
from reconciler.kinds.base import Problem, Resource

__all__ = ["clashes", "references"]


def references(known: Resources, complete: bool) -> Mistakes:
    """Names that mean nothing, or mean what may not be used. Without `complete` (some manifest could not be read)
    nothing is said about what seems to be missing.
    """
    yield from mistaken_references(known, complete)
    yield from unshared_defaults(known)
    if complete:
        yield from undeclared_projects(known)


def clashes(resources: Resources, hosts_known: bool = True) -> Mistakes:
    """Resources that cannot be true together; whether there is a host for each, when all hosts are known."""
    yield from _taken_origins(resources)
    yield from networks.overlapping(resources)
    yield from networks.bad_addresses(resources)
    yield from networks.taken_names(resources)
    yield from instances.bad_disks(resources)
    yield from instances.impossible_places(resources, hosts_known)
    yield from instances.misfits(resources)


def _taken_origins(resources: Resources) -> Mistakes:
    """Two resources with one identity would be one object on the hypervisor."""
    holders = {address: address for address, resource in resources.items() if resource.origin == address}
    for address, resource in resources.items():
        holder = holders.setdefault(resource.origin, address)
        if holder != address:
            yield resource, _taken(resource, resources[holder])


def _taken(resource: Resource, holder: Resource) -> Problem:
    detail = (
        f"{holder.address} ({holder.place}) has the identity of {resource.origin} already."
        " Only one resource can: remove this line, or the other resource."
    )
    return Problem("metadata.origin", "origin-taken", "origin is taken", detail)
