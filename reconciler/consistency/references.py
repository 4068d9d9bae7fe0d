"""What resources say of each other: that it exists, that they may use it, and that their projects are declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from reconciler.address import Address
from reconciler.kinds.base import DEFAULT_PROJECT, REGISTRY, Problem, Reference, Resource
from reconciler.kinds.project import default_references
from reconciler.suggest import did_you_mean, listed

Resources = Mapping[Address, Resource]
Mistakes = Iterator[tuple[Resource, Problem]]
"""Whose manifest is wrong, and what about it. Finding its place means reading the file again, so who tells does it."""


def mistaken_references(known: Resources, complete: bool) -> Mistakes:
    """References to what is not declared (unless not everything was read), or is not shared with who refers to it.

    They come lazily, and in the order of places.
    """
    names: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    homes: dict[tuple[str, str], Address] = {}
    for address in sorted(known):
        names[address.kind, address.project].append(address.name)
        homes.setdefault((address.kind, address.name), address)
    for resource in sorted(known.values(), key=lambda resource: resource.place):
        references = () if resource.spec is None else resource.references
        for reference in references:
            target = reference.target
            if found := known.get(target):
                if not _may_use(resource, found):
                    yield resource, _not_shared(reference, found, str(_home(resource)))
            elif complete:
                near = did_you_mean(target.name, names[target.kind, target.project])
                home = homes.get((target.kind, target.name))
                elsewhere = f" There is {home}, in another project." if home and not near else ""
                detail = f"{target} is not declared.{near or elsewhere}"
                yield resource, Problem(reference.path, "unknown-reference", "unknown reference", detail)


def _home(resource: Resource) -> str | None:
    """The project for which a resource speaks; none for those of the whole fleet."""
    return resource.address.name if resource.address.kind == "Project" else resource.address.project


def _may_use(user: Resource, used: Resource) -> bool:
    """Whether what is used is of the fleet, of the same project, or shared. What a Fleet's defaults name is used by
    instances, and judged with them.
    """
    return user.address.kind == "Fleet" or used.address.project is None or _shared(used, str(_home(user)))


def _shared(used: Resource, project: str) -> bool:
    """Whether a project may use it; what has mistakes may well say so."""
    given = getattr(used.spec, "share_with", ())
    return used.broken or project == used.address.project or bool({project, "*"} & set(given))


def _not_shared(reference: Reference, used: Resource, project: str) -> Problem:
    detail = f"{used.address} is of another project. {_sharing(used, [project])}, or use one of project `{project}`."
    return Problem(reference.path, "not-shared", "reference into another project", detail)


def _sharing(used: Resource, projects: list[str]) -> str:
    """What to write so that projects may use it, without a full stop."""
    kind = used.address.kind
    named = ", ".join(projects)
    if "share_with" not in REGISTRY[kind].spec.__struct_fields__:
        return f"A {kind} cannot be shared: declare it in project `{named}`"
    if used.find_place is None:
        return f"It is implied: to share it, declare it with `shareWith: [{named}]`"
    if used.spec.share_with:
        return f"To share it, add {listed(projects)} to its `shareWith` ({used.place})"
    return f"To share it, write `shareWith: [{named}]` into its spec ({used.place})"


def unshared_defaults(known: Resources) -> Mistakes:
    """What a Fleet's defaults name and some project takes that may not use it."""
    for fleet in known.values():
        if fleet.address.kind != "Fleet" or fleet.spec is None:
            continue
        takers = {path: _takers(known, field) for path, field in _LISTS.items()}
        for reference in default_references(fleet, DEFAULT_PROJECT):
            used = known.get(reference.target)
            projects = takers[reference.path.rpartition(".")[0]]
            if used and (barred := [project for project in projects if not _shared(used, project)]):
                detail = (
                    f"Instances of project `{barred[0]}` take it from here, and {used.address} is not theirs."
                    f" {_sharing(used, barred)}, or give those projects defaults of their own."
                )
                yield fleet, Problem(reference.path, "not-shared", "reference into another project", detail)


_LISTS = {"spec.defaults.keypairs": "keypairs", "spec.defaults.securityGroups": "security_groups"}


def _takers(known: Resources, field: str) -> list[str]:
    """The projects with an instance that takes a field from the fleet's defaults."""
    found = set()
    for address, each in known.items():
        if address.kind == "Instance" and each.spec is not None and getattr(each.spec, field) is None:
            project = known.get(Address("Project", None, str(address.project)))
            if project is None or (project.spec is not None and getattr(project.spec.defaults, field) is None):
                found.add(str(address.project))
    return sorted(found)


def undeclared_projects(known: Resources) -> Mistakes:
    """Projects that are named and not declared, where any is: a misspelt one would have no quota."""
    declared = {address.name for address in known if address.kind == "Project"}
    if not declared:
        return
    fine = declared | {DEFAULT_PROJECT, "*", None}
    for resource in sorted(known.values(), key=lambda resource: resource.place):
        if resource.find_place is None:
            continue
        named = {"metadata.project": resource.address.project}
        shared = enumerate(getattr(resource.spec, "share_with", ()))
        named |= {f"spec.shareWith.{index}": project for index, project in shared}
        for path, project in named.items():
            if project not in fine:
                near = did_you_mean(str(project), sorted(declared)) or " Declare it, or correct this line."
                detail = f"There is no Project `{project}`, and where any is declared all have to be.{near}"
                yield resource, Problem(path, "undeclared-project", "project is not declared", detail)
