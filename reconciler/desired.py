"""What a commit desires: one consistent set of resources, or what keeps it from being one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import msgspec

from reconciler import consistency, quotas
from reconciler.address import Address
from reconciler.decode import MOST_MISTAKES
from reconciler.diagnostic import Diagnostic, error, in_order
from reconciler.graph import cycles
from reconciler.kinds.base import DEFAULT_PROJECT, Problem, Resource, resource_kind
from reconciler.kinds.defaults import Defaults, qualified
from reconciler.kinds.instance import InstanceSpec, with_defaults
from reconciler.kinds.instance.check import user_data_problems
from reconciler.kinds.keypair import KeypairSpec, key_problem
from reconciler.manifest import UNREAD, read
from reconciler.parsing import File, Memory
from reconciler.text import decode
from reconciler.treepath import beside

ReadFile = Callable[[str], bytes | None]
Mistake = tuple[Resource, Problem]


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """The resources of a commit by address, the implied ones included.

    Resources with mistakes of their own are left out; the diagnostics that came with it then hold an error.
    """

    fleet: Resource | None
    resources: dict[Address, Resource]

    @property
    def fleet_id(self) -> str:
        """The fleet's UUID; empty when there is no Fleet, which is an error."""
        return self.fleet.spec.id if self.fleet else ""

    @property
    def name(self) -> str:
        """The fleet's name; empty when there is no Fleet, which is an error."""
        return self.fleet.address.name if self.fleet else ""


def load(blobs: Iterable[File], read_file: ReadFile, memory: Memory | None = None) -> tuple[Desired, list[Diagnostic]]:
    """From files to what they desire, with all diagnostics in order of their places."""
    resources, diagnostics = read(blobs, memory)
    unread = any(diagnostic.code in UNREAD for diagnostic in diagnostics)
    found, more = desired(resources, read_file, complete=not unread)
    return found, in_order([*diagnostics, *more])


def desired(
    resources: list[Resource], read_file: ReadFile, *, complete: bool = True
) -> tuple[Desired, list[Diagnostic]]:
    """One consistent set of resources, and what is wrong with it.

    `read_file` gives a file of the same commit. Without `complete` (some manifest could not be read) nothing is
    said about what seems to be missing.
    """
    known, mistakes = _unique(resources)
    for implied in _implied(known):
        known.setdefault(implied.address, implied)
    fleets = [resource for address, resource in known.items() if address.kind == "Fleet"]
    mistakes += _further_fleets(fleets)
    mistakes += islice(consistency.references(known, complete), MOST_MISTAKES)
    whole = {address: resource for address, resource in known.items() if not resource.broken}
    found = Desired(fleet=next((fleet for fleet in fleets if not fleet.broken), None), resources=whole)
    diagnostics = _no_fleet(bool(known)) if complete and not fleets else []
    diagnostics += _completed(found, read_file)
    if not mistakes:
        diagnostics += cycles(found)
    hosts_known = complete and not any(each.broken for address, each in known.items() if address.kind == "Host")
    mistakes += islice(consistency.clashes(whole, hosts_known), MOST_MISTAKES)
    mistakes += islice(quotas.exceeded(whole), MOST_MISTAKES)
    return found, [*diagnostics, *_told(mistakes)]


def _told(mistakes: list[Mistake]) -> list[Diagnostic]:
    """Mistakes at their places, file by file: finding a place means reading the file again."""
    mistakes.sort(key=lambda mistake: (mistake[0].place, mistake[1].path))
    return [resource.mistake(problem) for resource, problem in mistakes[:MOST_MISTAKES]]


def _unique(resources: list[Resource]) -> tuple[dict[Address, Resource], list[Mistake]]:
    """The first resource of each address, in order of addresses; each further one is a mistake that names both."""
    known: dict[Address, Resource] = {}
    mistakes = []
    for resource in sorted(resources, key=lambda resource: (resource.address, resource.place)):
        first = known.setdefault(resource.address, resource)
        if first is not resource:
            detail = f"{resource.address} is first declared in {first.place}, and again here. Keep one, or rename it."
            problem = Problem("metadata.name", "declared-twice", "resource is declared twice", detail)
            mistakes.append((resource, problem))
    return known, mistakes


def _implied(known: Mapping[Address, Resource]) -> Iterator[Resource]:
    for resource in list(known.values()):
        yield from resource_kind(resource).implied(resource)


def _no_fleet(any_resource: bool) -> list[Diagnostic]:
    missing = "No manifest is of kind Fleet" if any_resource else "There are no manifests"
    remedy = "Run `reconciler init` to write one, or use --path to name the folder that holds it."
    return [error("no-fleet", "there is no Fleet", f"{missing}. {remedy}")]


def _further_fleets(fleets: list[Resource]) -> Iterator[Mistake]:
    ordered = sorted(fleets, key=lambda fleet: fleet.place)
    for fleet in ordered[1:]:
        detail = f"The first one is in {ordered[0].place}. A repository, or the folder that --path names, is one fleet."
        yield fleet, Problem("metadata.name", "two-fleets", "there is more than one Fleet", detail)


def _completed(found: Desired, read_file: ReadFile) -> list[Diagnostic]:
    """Put into the resources what their manifests leave to files and to defaults; what is wrong with the files."""
    fleet = found.fleet.spec.defaults if found.fleet else Defaults()
    ours = qualified(fleet, DEFAULT_PROJECT)
    diagnostics: list[Diagnostic] = []
    for address, resource in found.resources.items():
        match resource.spec:
            case KeypairSpec(public_key_file=str() as file):
                found.resources[address], problems = _with_key(resource, file, read_file)
                diagnostics += problems
            case InstanceSpec() as spec:
                project = found.resources.get(Address("Project", None, str(address.project)))
                layers = [project.spec.defaults, ours] if project else [ours]
                whole = with_defaults(spec, *layers)
                if whole is not spec:
                    resource = msgspec.structs.replace(resource, spec=whole)
                found.resources[address], problems = _with_user_data(resource, read_file)
                diagnostics += problems
    return diagnostics


def _with_key(keypair: Resource, file: str, read_file: ReadFile) -> tuple[Resource, list[Diagnostic]]:
    """A keypair with its key read from the commit."""
    text, diagnostics = _text_of(keypair, "spec.publicKeyFile", file, read_file)
    if text is None:
        return keypair, diagnostics
    problem = key_problem("spec.publicKeyFile", text.strip())
    spec = msgspec.structs.replace(keypair.spec, public_key=text.strip())
    return msgspec.structs.replace(keypair, spec=spec), [keypair.mistake(problem)] if problem else []


def _with_user_data(instance: Resource, read_file: ReadFile) -> tuple[Resource, list[Diagnostic]]:
    """An instance with its user data read from the commit, if that is where it comes from."""
    origin, path = instance.spec.user_data_from, "spec.userDataFrom.file"
    if origin is None or origin.file is None:
        return instance, []
    text, diagnostics = _text_of(instance, path, origin.file, read_file)
    if text is None:
        return instance, diagnostics
    spec = msgspec.structs.replace(instance.spec, user_data=text)
    problems = [instance.mistake(problem) for problem in user_data_problems(path, text)]
    return msgspec.structs.replace(instance, spec=spec), problems


def _text_of(resource: Resource, field: str, file: str, read_file: ReadFile) -> tuple[str | None, list[Diagnostic]]:
    """The text of a file of the same commit that a field names, or what is wrong with it."""
    path = beside(resource.place.path, file)
    data = read_file(path)
    if data is None:
        detail = f"The commit has no file {path}. Paths begin at the manifest's folder; links are not followed."
        return None, [resource.mistake(Problem(field, "no-such-file", "file is missing", detail))]
    source, diagnostics = decode(path, data)
    return (source.text if source and not diagnostics else None), diagnostics
