"""One document to a resource, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from reconciler.address import Address, valid_name
from reconciler.diagnostic import Diagnostic, Place, failed
from reconciler.document import Document, span
from reconciler.kinds import REGISTRY
from reconciler.kinds.base import API_VERSION, DEFAULT_PROJECT, Kind, Problem, Resource, resolve, resource_kind
from reconciler.mistake import Mistake, mistakes
from reconciler.schema import any_kind, document_type, schema
from reconciler.suggest import did_you_mean, listed, shown
from reconciler.yaml import BROKEN, Node

MOST_MISTAKES = 1_000
"""Nobody reads more of them at once, and looking for them takes time."""

Found = Iterator[Resource | Diagnostic]
Path = tuple[str | int, ...]


def decode(document: Document, node: Node, flawed: bool) -> Found:
    """What a document declares, and its mistakes. `flawed`: some were found before, so it makes no whole resource."""
    plain = node.plain()
    if not isinstance(plain, dict):
        detail = "A manifest is a mapping with `apiVersion`, `kind`, `metadata` and `spec`."
        yield document.error("not-a-manifest", "not a manifest", detail, span(node, ()))
        return
    kind = REGISTRY.get(str(plain.get("kind")))
    if kind is None:
        yield from _diagnostics(document, node, map(_of_head, mistakes(plain, any_kind())))
        return
    try:
        manifest = msgspec.convert(plain, document_type(kind.name))
    except msgspec.ValidationError:
        yield from _mistaken(kind, document, node, plain)
        return
    if _has_null(plain):
        yield from _mistaken(kind, document, node, plain)
        return
    yield from _accepted(kind, manifest, document, node, flawed)


def again(document: Document, kind: str, data: bytes, line: int, column: int) -> Resource:
    """The resource of a document that was decoded before without a single diagnostic; `data` is its `plain` value in
    MessagePack. Raises `msgspec.DecodeError` for anything else.
    """
    manifest = msgspec.msgpack.decode(data, type=document_type(kind))
    return _resource(REGISTRY[kind], manifest, document, document.at(line, column))


def _accepted(kind: Kind, manifest: Any, document: Document, node: Node, flawed: bool) -> Found:
    """The resource of a manifest that its types accept; what else may be wrong with it, its kind knows."""
    resource = _resource(kind, manifest, document, _place(document, node))
    found = [resource.mistake(problem) for problem in kind.check(manifest.spec)]
    yield from found
    yield msgspec.structs.replace(resource, broken=True) if flawed or failed(found) else resource


def _mistaken(kind: Kind, document: Document, node: Node, plain: dict[str, Any]) -> Found:
    """All that the schema has against a document, and then what its kind has against the rest of it."""
    found = list(islice(mistakes(plain, schema(kind.name)), MOST_MISTAKES + 1))
    yield from _diagnostics(document, node, (_of_kind(kind, mistake) for mistake in found))
    lost = [*(mistake.path for mistake in found), *_refused(plain)]
    for removed in (lost, [path[:2] for path in lost]):
        rest = _without(node.plain(), removed)
        try:
            manifest = msgspec.convert(rest, document_type(kind.name))
        except msgspec.ValidationError:
            continue
        yield from _rest(_resource(kind, manifest, document, _place(document, node)), removed)
        return
    if address := _address(kind, plain.get("metadata")):
        yield Resource(address=address, origin=address, spec=None, place=_place(document, node), broken=True)


def _rest(resource: Resource, removed: list[Path]) -> Found:
    """The broken resource that is left without its mistaken fields, and what its kind has against it."""
    for problem in resource_kind(resource).check(resource.spec):
        if not _follows(problem, removed):
            yield resource.mistake(problem)
    yield msgspec.structs.replace(resource, broken=True)


def _diagnostics(document: Document, node: Node, found: Iterable[Mistake]) -> Iterator[Diagnostic]:
    """Mistakes at their places."""
    for mistake in found:
        at = span(node, mistake.path, mistake.at_key)
        yield document.error(mistake.code, mistake.summary, mistake.detail, at)


def _resource(kind: Kind, manifest: Any, document: Document, place: Place) -> Resource:
    metadata = manifest.metadata
    address = Address(kind.name, getattr(metadata, "project", None), metadata.name)
    origin = getattr(metadata, "origin", None)
    return Resource(
        address=address,
        origin=resolve(kind.name, origin, address.project) if origin else address,
        spec=manifest.spec,
        place=place,
        labels=metadata.labels,
        find_place=document.place,
        find_excerpt=document.excerpt,
        declares=document.declares,
    )


def _has_null(plain: Any) -> bool:
    """Whether a field has no value. The types take it for absent; whoever emptied a list did not mean its default."""
    inner = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
    return plain is None or any(map(_has_null, inner))


def _place(document: Document, node: Node) -> Place:
    return document.at(node.line, node.column)


def _address(kind: Kind, metadata: object) -> Address | None:
    """The address in metadata that may have mistakes, if it can be told."""
    if not isinstance(metadata, dict):
        return None
    name, project = metadata.get("name"), metadata.get("project", DEFAULT_PROJECT)
    if not (isinstance(name, str) and isinstance(project, str) and valid_name(name) and valid_name(project)):
        return None
    return Address(kind.name, project if kind.scope == "project" else None, name)


def _of_head(mistake: Mistake) -> Mistake:
    """What the schema of any kind says, said for a document whose kind is not known."""
    if mistake.path == ("kind",) and mistake.code == "value-not-allowed":
        name = str(mistake.value)
        hint = did_you_mean(name, REGISTRY) or f" There are {listed(sorted(REGISTRY))}."
        detail = f"{shown(name)} is no kind.{hint}"
        return Mistake(mistake.path, "unknown-kind", "unknown kind", detail)
    return _of_version(mistake)


def _of_version(mistake: Mistake) -> Mistake:
    if mistake.path == ("apiVersion",) and mistake.code == "value-not-allowed":
        detail = f"{shown(mistake.value)} is not known here. Write `{API_VERSION}`."
        return Mistake(mistake.path, "unknown-api-version", "unknown apiVersion", detail)
    return mistake


def _of_kind(kind: Kind, mistake: Mistake) -> Mistake:
    """What a kind's schema says too generally, said for the case at hand."""
    match mistake.path, mistake.code:
        case ("metadata", "project"), "unknown-field":
            detail = f"{kind.name} is of the whole fleet, and belongs to no project. Remove this line."
            return msgspec.structs.replace(mistake, code="project-of-fleet-kind", summary="no project", detail=detail)
        case ("metadata", "origin"), "unknown-field":
            fate = "stays with its data, used by nobody" if kind.name == "Volume" else "is deleted"
            movable = listed(sorted(name for name, other in REGISTRY.items() if other.movable))
            detail = (
                f"Only resources of kind {movable} keep their identity under a new name; a {kind.name} with a new name"
                f" is another one, and the old one {fate}. Remove this line."
            )
            return msgspec.structs.replace(mistake, code="not-movable", summary="cannot be renamed", detail=detail)
        case (str() as name,), "unknown-field" if name in _field_names(kind):
            detail = f"`{name}` is a field of `spec`. Indent it below `spec:`."
            return msgspec.structs.replace(mistake, detail=detail)
    return _of_version(mistake)


def _field_names(kind: Kind) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind.spec)}


def _without(plain: Any, paths: list[Path]) -> Any:
    """A document without the fields at some paths. A list is cut off there, so that no item changes its place."""
    for path in paths:
        parent = _at(plain, path[:-1])
        if isinstance(parent, dict) and path:
            parent.pop(path[-1], None)
        elif isinstance(parent, list) and isinstance(path[-1], int):
            del parent[path[-1] :]
    return plain


def _refused(plain: Any, path: Path = ()) -> Iterator[Path]:
    """Where values were refused before they had a type."""
    if plain is BROKEN:
        yield path
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for part, value in inner:
        yield from _refused(value, (*path, part))


def _follows(problem: Problem, removed: list[Path]) -> bool:
    """Whether a problem may come from nothing but what was taken out: at it, below it, or right above it."""
    path = tuple(problem.path.split("."))
    gone = [tuple(map(str, taken)) for taken in removed]
    return any(path[: len(taken)] == taken or path == taken[:-1] for taken in gone)


def _at(plain: Any, path: Path) -> Any:
    """The value at a path, or None when it leads nowhere."""
    for part in path:
        try:
            plain = plain[part]
        except (LookupError, TypeError):
            return None
    return plain
