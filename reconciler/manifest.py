"""Files to resources, or to diagnostics: all mistakes of all files in one pass, and never an exception for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from reconciler import yaml
from reconciler.address import Address, valid_name
from reconciler.diagnostic import Diagnostic, Place, error, failed
from reconciler.document import Document, Span, span
from reconciler.kinds import REGISTRY
from reconciler.kinds.base import API_VERSION, Kind, Problem, Resource, resolve
from reconciler.mistake import Mistake, mistakes
from reconciler.schema import any_kind, document_type, schema
from reconciler.suggest import did_you_mean, listed, shown
from reconciler.yaml import BROKEN, Node

MOST_FILES = 5_000
MOST_TOTAL_BYTES = 64 << 20
UNREAD = frozenset(
    "file-too-large not-utf-8 yaml-syntax too-many-values too-deep too-many-files too-many-mistakes not-a-manifest"
    " unknown-kind".split()
)
"""Codes that mean: something that is declared may not be known."""
MOST_MISTAKES = 1_000
"""Nobody reads more of them at once, and looking for them takes time."""


class Blob(msgspec.Struct, frozen=True):
    """A file of the commit: `id` names its content (a Git blob id), if that is known."""

    path: str
    data: bytes
    id: str = ""


def read(blobs: Iterable[Blob]) -> tuple[list[Resource], list[Diagnostic]]:
    """The resources that files declare, in the order of paths and lines, and everything that is wrong with them.

    A manifest with mistakes yields a `broken` resource where its address is known, so that what refers to it is not
    reported as well.
    """
    resources: list[Resource] = []
    diagnostics: list[Diagnostic] = []
    size = 0
    for count, blob in enumerate(sorted(blobs, key=lambda blob: blob.path), 1):
        size += len(blob.data)
        if count > MOST_FILES or size > MOST_TOTAL_BYTES:
            diagnostics.append(_too_much(blob))
            break
        for found in _file(blob):
            (resources if isinstance(found, Resource) else diagnostics).append(found)  # type: ignore[arg-type]
        if len(diagnostics) >= MOST_MISTAKES:
            diagnostics[MOST_MISTAKES:] = [_too_many(blob)]
            break
    return resources, diagnostics


def _too_much(blob: Blob) -> Diagnostic:
    detail = (
        f"A fleet may have {MOST_FILES:,} files with {MOST_TOTAL_BYTES >> 20} MiB in all; this file and those after it"
        " were not read. Put several manifests into one file, or use --path to name the folder that holds them."
    )
    return error("too-many-files", "too many files", detail, Place(blob.path))


def _too_many(blob: Blob) -> Diagnostic:
    detail = f"{MOST_MISTAKES:,} are shown; what follows in this file, and the files after it, were not checked."
    return error("too-many-mistakes", "too many mistakes", detail, Place(blob.path))


def _file(blob: Blob) -> Iterator[Resource | Diagnostic]:
    file = yaml.read(blob.path, blob.data)
    yield from file.diagnostics
    flawed = bool(file.diagnostics)
    for index, node in enumerate(file.documents):
        yield from islice(_Reading(Document(blob.path, blob.data, index), node, flawed).found(), MOST_MISTAKES + 1)


class _Reading:
    """One document being read. `flawed`: its file has mistakes already, so it makes no whole resource."""

    def __init__(self, document: Document, node: Node, flawed: bool) -> None:
        self.document = document
        self.node = node
        self.flawed = flawed
        self.plain = node.plain()

    def found(self) -> Iterator[Resource | Diagnostic]:
        if not isinstance(self.plain, dict):
            detail = "A manifest is a mapping with `apiVersion`, `kind`, `metadata` and `spec`."
            yield self.document.error("not-a-manifest", "not a manifest", detail, span(self.node, ()))
            return
        kind = REGISTRY.get(str(self.plain.get("kind")))
        if kind is None:
            yield from self.of_unknown_kind()
            return
        try:
            manifest = msgspec.convert(self.plain, document_type(kind.name))
        except msgspec.ValidationError:
            yield from self.mistaken(kind)
            return
        yield from self.resource(kind, manifest)

    def resource(self, kind: Kind, manifest: Any) -> Iterator[Resource | Diagnostic]:
        """The resource of a manifest that its types accept; what else is wrong with it comes from its kind."""
        resource = _resource(kind, manifest, self.document, self.node)
        found = [resource.mistake(problem) for problem in kind.check(manifest.spec)]
        yield from found
        broken = self.flawed or failed(found)
        yield msgspec.structs.replace(resource, broken=True) if broken else resource

    def of_unknown_kind(self) -> Iterator[Diagnostic]:
        """Say what is wrong with the head of a document whose kind says nothing about the rest."""
        for mistake in mistakes(self.plain, any_kind()):
            if mistake.path == ("kind",) and mistake.code == "value-not-allowed":
                yield self.diagnostic(_unknown_kind(str(self.plain["kind"])))
            else:
                yield from self.diagnostics([mistake])

    def mistaken(self, kind: Kind) -> Iterator[Resource | Diagnostic]:
        """Everything that a kind's schema has against the document."""
        found = list(islice(mistakes(self.plain, schema(kind.name)), MOST_MISTAKES + 1))
        yield from self.diagnostics(_in_words_of(kind, mistake, self.plain) for mistake in found)
        yield from self.rest(kind, found)

    def rest(self, kind: Kind, found: list[Mistake]) -> Iterator[Resource | Diagnostic]:
        """What is left when the mistaken fields are taken out, so that its other mistakes are told now, not later."""
        plain = self.node.plain()
        for mistake in sorted(found, key=lambda mistake: _sortable(mistake.path), reverse=True):
            _remove(plain, mistake.path)
        try:
            manifest = msgspec.convert(plain, document_type(kind.name))
        except msgspec.ValidationError:
            address = _address(kind, self.plain.get("metadata"))
            if address:
                place = _place(self.document, self.node)
                yield Resource(address=address, origin=address, spec=None, place=place, broken=True)
            return
        resource = _resource(kind, manifest, self.document, self.node)
        removed = [".".join(map(str, mistake.path)) for mistake in found]
        for problem in kind.check(manifest.spec):
            if not _follows(problem, removed):
                yield resource.mistake(problem)
        yield msgspec.structs.replace(resource, broken=True)

    def diagnostics(self, found: Iterable[Mistake]) -> Iterator[Diagnostic]:
        for mistake in found:
            if not _is_broken(self.plain, mistake.path):
                yield self.diagnostic(mistake)

    def diagnostic(self, mistake: Mistake) -> Diagnostic:
        at = span(self.node, mistake.path, mistake.at_key)
        return self.document.error(mistake.code, mistake.summary, mistake.detail, at)


def _resource(kind: Kind, manifest: Any, document: Document, node: Node) -> Resource:
    metadata = manifest.metadata
    address = Address(kind.name, getattr(metadata, "project", None), metadata.name)
    origin = getattr(metadata, "origin", None)
    return Resource(
        address=address,
        origin=resolve(kind.name, origin, address.project) if origin else address,
        spec=manifest.spec,
        place=_place(document, node),
        labels=metadata.labels,
        find_place=document.place,
        find_excerpt=document.excerpt,
    )


def _place(document: Document, node: Node) -> Place:
    return Place(document.path, node.line, node.column)


def _address(kind: Kind, metadata: object) -> Address | None:
    """The address in metadata that may have mistakes, if it can be told."""
    if not isinstance(metadata, dict):
        return None
    name, project = metadata.get("name"), metadata.get("project", "default")
    if not all(isinstance(text, str) and valid_name(text) for text in (name, project)):
        return None
    return Address(kind.name, project if kind.scope == "project" else None, name)


def _unknown_kind(name: str) -> Mistake:
    detail = f"{shown(name)} is no kind.{did_you_mean(name, REGISTRY) or f' There are {listed(sorted(REGISTRY))}.'}"
    return Mistake(("kind",), "unknown-kind", "unknown kind", detail)


def _in_words_of(kind: Kind, mistake: Mistake, plain: dict[str, Any]) -> Mistake:
    """What a schema says too generally, said for the case at hand."""
    match mistake.path, mistake.code:
        case ("metadata", "project"), "unknown-field":
            detail = f"{_a(kind)} belongs to the whole fleet, not to a project. Remove this line."
            return msgspec.structs.replace(mistake, code="project-of-fleet-kind", summary="no project", detail=detail)
        case ("metadata", "origin"), "unknown-field":
            movable = listed(sorted(name for name, other in REGISTRY.items() if other.movable))
            detail = (
                f"Only {movable} keep their identity when they are renamed; {_a(kind, lower=True)} with a new name is"
                " a new one, and the old one is deleted. Remove this line."
            )
            return msgspec.structs.replace(mistake, code="not-movable", summary="cannot be renamed", detail=detail)
        case (str() as name,), "unknown-field" if name in _field_names(kind):
            detail = f"`{name}` is a field of `spec`. Indent it below `spec:`."
            return msgspec.structs.replace(mistake, detail=detail)
        case ("apiVersion",), "value-not-allowed":
            detail = f"{shown(plain['apiVersion'])} is not known here. Write `{API_VERSION}`."
            return Mistake(mistake.path, "unknown-api-version", "unknown apiVersion", detail)
    return mistake


def _a(kind: Kind, lower: bool = False) -> str:
    article = "an" if kind.name[0] in "AEIOU" else "a"
    return f"{article if lower else article.capitalize()} {kind.name}"


def _field_names(kind: Kind) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind.spec)}


def _sortable(path: tuple[str | int, ...]) -> tuple[tuple[bool, str | int], ...]:
    return tuple((isinstance(part, str), part) for part in path)


def _remove(plain: Any, path: tuple[str | int, ...]) -> None:
    """Take a field out. A list is cut off at the item, so that those before it keep their places."""
    if not path:
        return
    for part in path[:-1]:
        try:
            plain = plain[part]
        except (LookupError, TypeError):
            return
    last = path[-1]
    if isinstance(plain, dict):
        plain.pop(last, None)
    elif isinstance(plain, list) and isinstance(last, int):
        del plain[last:]


def _follows(problem: Problem, removed: list[str]) -> bool:
    """Whether a problem may come only from what was taken out: at, below, or right above it."""
    return any(
        problem.path == path or problem.path.startswith(f"{path}.") or problem.path == path.rpartition(".")[0]
        for path in removed
    )


def _is_broken(plain: Any, path: tuple[str | int, ...]) -> bool:
    for part in path:
        try:
            plain = plain[part]
        except (LookupError, TypeError):
            return False
    return plain is BROKEN
