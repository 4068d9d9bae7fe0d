"""Files to resources and diagnostics: all mistakes of all files in one pass, and never an exception for one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler import parsing
from reconciler.decode import MOST_MISTAKES
from reconciler.diagnostic import Diagnostic, Place, error
from reconciler.kinds.base import Resource
from reconciler.parsing import File, Memory

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

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data)


def read(blobs: Iterable[File], memory: Memory | None = None) -> tuple[list[Resource], list[Diagnostic]]:
    """The resources that files declare, in the order of paths and lines, and everything that is wrong with them.

    What `memory` knows of a file need not be read again; it makes no other difference. A manifest with mistakes gives
    a `broken` resource where its address can be told, so that what refers to it is not reported as well.
    """
    resources: list[Resource] = []
    diagnostics: list[Diagnostic] = []
    size = 0
    for count, blob in enumerate(sorted(blobs, key=lambda blob: blob.path), 1):
        size += blob.size
        if count > MOST_FILES or size > MOST_TOTAL_BYTES:
            diagnostics.append(_too_much(blob))
            break
        for found in parsing.found(blob, memory):
            if isinstance(found, Resource):
                resources.append(found)
            else:
                diagnostics.append(found)
            if len(diagnostics) >= MOST_MISTAKES:
                return resources, [*diagnostics, _too_many(blob)]
    return resources, diagnostics


def _too_much(blob: File) -> Diagnostic:
    detail = (
        f"A fleet may have {MOST_FILES:,} files with {MOST_TOTAL_BYTES >> 20} MiB in all; this file and those after it"
        " were not read. Put several manifests into one file, or use --path to name the folder that holds them."
    )
    return error("too-many-files", "too many files", detail, Place(blob.path))


def _too_many(blob: File) -> Diagnostic:
    detail = f"{MOST_MISTAKES:,} are shown; the rest of this file, and the files after it, were not checked."
    return error("too-many-mistakes", "too many mistakes", detail, Place(blob.path))
