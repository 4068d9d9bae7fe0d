"""Manifests in canonical form. Formatting never changes what a file says: that is proved for each file, or it is left.

The YAML is written here, and not by a library, because the ones there are keep a comment with the field *before* it:
putting fields in order would leave comments behind with the wrong ones.
"""

from __future__ import annotations

import msgspec

from reconciler import manifest, yaml
from reconciler.diagnostic import Diagnostic, Place, error, failed
from reconciler.formatting import tree
from reconciler.formatting.writer import Shape, document_lines
from reconciler.kinds import REGISTRY
from reconciler.manifest import Blob
from reconciler.schema import schema

_ENCODER = msgspec.json.Encoder(order="sorted")


class Formatted(msgspec.Struct, frozen=True):
    """What became of a file: its canonical form, or why it was left as it is (`data` is then what was given)."""

    data: bytes
    diagnostics: tuple[Diagnostic, ...] = ()


def formatted(path: str, data: bytes) -> Formatted:
    """The canonical form of a file of manifests. Files with mistakes are left, and their mistakes told."""
    _, diagnostics = manifest.read([Blob(path, data)])
    if failed(diagnostics):
        return Formatted(data, tuple(diagnostics))
    text = _plain_text(data)
    written = _written(path, text)
    if not _proved(path, text, written):
        detail = "What would have been written does not say the same. Format it by hand, and report this as a bug."
        problem = error("fmt-refused", "file cannot be formatted", detail, Place(path))
        return Formatted(data, (problem,))
    return Formatted(written.encode())


def _plain_text(data: bytes) -> str:
    return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _written(path: str, text: str) -> str:
    kinds = [node.value["kind"].value for node in yaml.read(path, text.encode()).documents]
    found = tree.documents(text)
    parts = []
    for document, kind in zip(found, kinds, strict=True):
        root = schema(kind) if kind in REGISTRY else {}
        parts.append("\n".join(document_lines(document, Shape(root, root))) + "\n")
    return "---\n".join(parts) if parts else text


def _proved(path: str, text: str, written: str) -> bool:
    """Whether the new text says the same, has the same comments, and is in canonical form itself."""
    before, after = yaml.read(path, text.encode()), yaml.read(path, written.encode())
    return (
        not after.diagnostics
        and _said(before) == _said(after)
        and sorted(tree.comments(text)) == sorted(tree.comments(written))
        and _written(path, written) == written
    )


def _said(file: yaml.File) -> list[bytes]:
    """What each document says, whatever the order of its fields."""
    return [_ENCODER.encode(node.plain()) for node in file.documents]
