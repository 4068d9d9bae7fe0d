"""Files to resources and diagnostics: all mistakes of all files in one pass, and never an exception for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from reconciler import yaml
from reconciler.decode import MOST_MISTAKES, decode
from reconciler.diagnostic import Diagnostic, Place, error
from reconciler.document import Document
from reconciler.kinds.base import Resource
from reconciler.yaml import Node

MOST_FILES = 50_000
MOST_TOTAL_BYTES = 64 << 20
UNREAD = frozenset(
    {
        "file-too-large",
        "not-a-manifest",
        "not-utf-8",
        "too-deep",
        "too-many-files",
        "too-many-mistakes",
        "too-many-values",
        "unknown-kind",
        "yaml-syntax",
    }
)
"""Codes that mean: something may be declared that is not known."""


class Blob(msgspec.Struct, frozen=True):
    """A file of the commit. `id` names its content (a Git blob id), where that is known."""

    path: str
    data: bytes
    id: str = ""


def read(blobs: Iterable[Blob]) -> tuple[list[Resource], list[Diagnostic]]:
    """The resources that files declare, in the order of paths and lines, and everything that is wrong with them.

    A manifest with mistakes gives a `broken` resource where its address can be told, so that what refers to it is not
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
            if isinstance(found, Resource):
                resources.append(found)
            else:
                diagnostics.append(found)
            if len(diagnostics) >= MOST_MISTAKES:
                return resources, [*diagnostics, _too_many(blob)]
    return resources, diagnostics


def _file(blob: Blob) -> Iterator[Resource | Diagnostic]:
    file = yaml.read(blob.path, blob.data)
    yield from file.diagnostics
    flaws = [diagnostic.place.line for diagnostic in file.diagnostics if diagnostic.place]
    for index, (node, end) in enumerate(_with_ends(file.documents)):
        flawed = any(node.line <= line < end for line in flaws)
        yield from decode(Document(blob.path, blob.data, index), node, flawed)


def _with_ends(documents: list[Node]) -> Iterator[tuple[Node, float]]:
    """Each document with the line before which it ends."""
    for node, following in pairwise([*documents, None]):
        if node is not None:
            yield node, following.line if following else float("inf")


def _too_much(blob: Blob) -> Diagnostic:
    detail = (
        f"A fleet may have {MOST_FILES:,} files with {MOST_TOTAL_BYTES >> 20} MiB in all; this file and those after it"
        " were not read. Put several manifests into one file, or use --path to name the folder that holds them."
    )
    return error("too-many-files", "too many files", detail, Place(blob.path))


def _too_many(blob: Blob) -> Diagnostic:
    detail = f"{MOST_MISTAKES:,} are shown; the rest of this file, and the files after it, were not checked."
    return error("too-many-mistakes", "too many mistakes", detail, Place(blob.path))
