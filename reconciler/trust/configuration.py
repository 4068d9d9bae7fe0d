"""The file of the trusted configuration: whose it must be, and every mistake in it at its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from reconciler import yaml
from reconciler.diagnostic import Diagnostic, DiagnosticError, Place, error
from reconciler.document import Document, span
from reconciler.mistake import Mistake, mistakes
from reconciler.text import MOST_BYTES
from reconciler.trust.consistency import mistakes_in
from reconciler.trust.fields import Configuration
from reconciler.trust.ownership import ours_or_roots


class TrustError(DiagnosticError):
    """The trusted configuration cannot be used."""


def read(path: Path) -> tuple[Configuration, Document]:
    """The configuration, and its document for the places of what is wrong with it. Raises `TrustError` when it cannot
    be read, has mistakes, or can be written by others; `FileNotFoundError`.
    """
    try:
        data = _read(path)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise unreadable(path, f"{problem.strerror or problem}.") from problem
    document = Document(str(path), data, 0)
    return _decode(document), document


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("It is no file")
        _refuse_others(path, path, status)
        for folder in {path.parent, path.resolve().parent}:
            _refuse_others(path, folder, folder.stat())
        return file.read(MOST_BYTES + 1)


def _refuse_others(path: Path, part: Path, status: os.stat_result) -> None:
    """Refuse a configuration that others can write, or replace since they can write its folder. Where the sticky bit
    is set only owners replace their files.
    """
    sticky = part != path and status.st_mode & stat.S_ISVTX
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        detail = f"Whoever can write it can run commands on every host. Take that away: chmod go-w {part}"
        raise unreadable(path, detail, "trusted configuration can be written by others")
    if not ours_or_roots(status.st_uid):
        detail = f"{part} belongs to user {status.st_uid}. It must be yours or root's."
        raise unreadable(path, detail, "trusted configuration belongs to someone else")


def _decode(document: Document) -> Configuration:
    file = yaml.read(document.path, document.data)
    if file.diagnostics:
        raise TrustError(*file.diagnostics)
    if not file.documents:
        return Configuration()
    node = file.documents[0]
    plain = node.plain()
    found = [_worded(each) for each in mistakes(plain, msgspec.json.schema(Configuration))]
    found += [] if found else mistakes_in(plain)
    if len(file.documents) > 1:
        found.append(Mistake((), "two-documents", "file has more than one document", "Write all of it into one."))
    if found:
        raise TrustError(*(mistaken(document, each) for each in found))
    return msgspec.convert(plain, Configuration)


def _worded(mistake: Mistake) -> Mistake:
    """Explanations are written with manifests in mind."""
    return msgspec.structs.replace(mistake, detail=mistake.detail.replace("a manifest", "the trusted configuration"))


def mistaken(document: Document, mistake: Mistake) -> Diagnostic:
    """The diagnostic for a mistake in the configuration."""
    node = yaml.read(document.path, document.data).documents[0]
    at = span(node, mistake.path, mistake.at_key)
    return document.error(mistake.code, mistake.summary, mistake.detail, at)


def unreadable(path: Path, detail: str, summary: str = "trusted configuration cannot be read") -> TrustError:
    """The file cannot be used."""
    return TrustError(error("trusted-configuration", summary, detail, Place(str(path))))
