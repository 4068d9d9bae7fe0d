"""What the Fleet and the Projects of the applied commit say: a commit is judged by these, never by its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from reconciler import parsing, quotas
from reconciler.address import Address
from reconciler.authority.declared import is_manifest
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Resource
from reconciler.kinds.fleet import DeletionBudget, FleetSpec
from reconciler.kinds.quotas import Quotas
from reconciler.parsing import Memory
from reconciler.source import StoredFile
from reconciler.source.commit import CommitTree
from reconciler.source.content import find
from reconciler.text import MOST_BYTES
from reconciler.trust.fields import Bounds

if TYPE_CHECKING:
    from git import Repo

_OWNERS = frozenset({"Fleet", "Project"})
Owners = Mapping[Address, Resource]


def owners_of(wanted: Desired) -> dict[Address, Resource]:
    """The Fleet and the Projects of a desired state."""
    return {address: each for address, each in wanted.resources.items() if address.kind in _OWNERS}


def applied_owners(
    repo: Repo, applied: str, changed: Collection[str], folder: str, wanted: Desired, memory: Memory | None
) -> dict[Address, Resource]:
    """The Fleet and the Projects as the applied commit declares them, given which files differ from it by now."""
    same = {address: each for address, each in owners_of(wanted).items() if each.place.path not in changed}
    return same | {each.address: each for each in _declared(repo, applied, changed, folder, memory)}


def _declared(
    repo: Repo, commit: str, paths: Collection[str], folder: str, memory: Memory | None
) -> Iterator[Resource]:
    tree = CommitTree(repo, commit)
    for path in sorted(paths):
        entry = find(tree, path) if is_manifest(path, folder) else None
        if entry is not None and entry.type == "file" and tree.size(entry) <= MOST_BYTES:
            for each in parsing.found(StoredFile(tree, entry), memory, _OWNERS):
                if isinstance(each, Resource) and each.address.kind in _OWNERS and not each.broken:
                    yield each


def fleet_of(owners: Owners) -> FleetSpec | None:
    """The spec of the Fleet among them."""
    return next((each.spec for address, each in sorted(owners.items()) if address.kind == "Fleet"), None)


def budget(fleet: FleetSpec | None, bounds: Bounds) -> DeletionBudget:
    """How much one run may delete: what the fleet says, and no more than the trusted configuration bounds it to."""
    own = fleet.deletion_budget if fleet else DeletionBudget()
    most = bounds.deletion_budget
    if most is None:
        return own
    return DeletionBudget(count=min(own.count, most.count), percent=min(own.percent, most.percent))


def beyond_applied(wanted: Desired, owners: Owners, applied: str) -> list[Diagnostic]:
    """Quotas and limits of the applied commit that a commit goes beyond by raising them itself."""
    now = owners_of(wanted)
    changed = {each.address: _as_before(each, owners) for each in now.values()}
    changed = {address: each for address, each in changed.items() if quotas.bounds(each) != quotas.bounds(now[address])}
    if not changed:
        return []
    advice = (
        f"That is what commit {applied[:12]} says, which is applied; a quota that is raised counts once it is applied."
        " Apply a commit that raises it and uses no more yet (--rev), and this one after it."
    )
    return [
        now[owner.address].mistake(msgspec.structs.replace(problem, code="quota-as-applied"))
        for owner, problem in quotas.exceeded({**wanted.resources, **changed}, advice)
        if owner.address in changed
    ]


def _as_before(owner: Resource, owners: Owners) -> Resource:
    """A Fleet or a Project with the spec that it had. A fleet is the same one under another name."""
    before = owners.get(owner.address)
    if owner.address.kind == "Fleet":
        before = next((each for address, each in sorted(owners.items()) if address.kind == "Fleet"), None)
    return msgspec.structs.replace(owner, spec=before.spec) if before else owner


def beyond_bounds(wanted: Desired, bounds: Bounds) -> list[Diagnostic]:
    """What all projects together declare beyond the limits of the trusted configuration."""
    if bounds.limits == Quotas() or wanted.fleet is None:
        return []
    spec = msgspec.structs.replace(wanted.fleet.spec, limits=bounds.limits)
    fleet = msgspec.structs.replace(wanted.fleet, spec=spec)
    found = quotas.exceeded({**wanted.resources, fleet.address: fleet}, _BOUNDED)
    mine = (problem for owner, problem in found if owner.address == fleet.address)
    return [wanted.fleet.mistake(msgspec.structs.replace(each, code="bound-exceeded", path="spec")) for each in mine]


_BOUNDED = "The trusted configuration bounds the fleet to that, and no commit can raise it. Remove some."
