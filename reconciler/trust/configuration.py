"""The file of the trusted configuration: whose it must be, what it may hold, and every mistake in it at its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from reconciler import yaml
from reconciler.diagnostic import Diagnostic, DiagnosticError, Place, error
from reconciler.document import Document, span
from reconciler.kinds.base import Name
from reconciler.kinds.fleet import FleetId
from reconciler.mistake import Mistake, mistakes
from reconciler.secret import AbsolutePath, SecretSource
from reconciler.text import MOST_BYTES


class TrustError(DiagnosticError):
    """The trusted configuration cannot be used."""


class FleetTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is trusted for one fleet. A host's section belongs to its driver, which checks it; only `driver` is ours."""

    folders: Annotated[tuple[AbsolutePath, ...], Meta(description="Where images that are relative paths lie.")] = ()
    hosts: Annotated[dict[Name, dict[str, Any]], Meta(description="How to reach each host.")] = {}
    secrets: Annotated[dict[Name, SecretSource], Meta(description="Where what manifests call `secretRef` is had.")] = {}


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    fleets: Annotated[dict[FleetId, FleetTrust], Meta(description="Sections by fleet id.")] = {}


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
    if status.st_uid not in (os.geteuid(), 0):
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
    found += [] if found else [*_host_mistakes(plain), *_secret_mistakes(plain)]
    if len(file.documents) > 1:
        found.append(Mistake((), "two-documents", "file has more than one document", "Write all of it into one."))
    if found:
        raise TrustError(*(mistaken(document, each) for each in found))
    return msgspec.convert(plain, Configuration)


def _host_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for name, entry in fleet.get("hosts", {}).items():
            path = ("fleets", fleet_id, "hosts", name)
            if not isinstance(entry.get("driver"), str):
                found.append(Mistake((*path, "driver"), "no-driver", "host has no driver", _DRIVER, at_key=True))
            if "uri" in entry:
                found.append(Mistake((*path, "uri"), "host-uri", "URIs are not accepted", _URI, at_key=True))
            if not _is_patience(entry.get("patience", 1)):
                detail = f"`patience` is how many seconds the host has to show what is on it: from 1 to {_LONGEST}."
                found.append(Mistake((*path, "patience"), "out-of-bounds", "value is out of bounds", detail))
    return found


def _is_patience(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= _LONGEST


def _secret_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for name, entry in fleet.get("secrets", {}).items():
            given = msgspec.convert(entry, SecretSource).given
            if len(given) != 1:
                detail = (
                    f"A secret comes from exactly one of `file`, `environment` and `command`; this has {len(given)}."
                )
                path = ("fleets", fleet_id, "secrets", name)
                found.append(Mistake(path, "one-of", "exactly one is needed", detail, at_key=True))
    return found


_LONGEST = 3600
_DRIVER = "Say which driver reaches it, such as `driver: libvirt`."
_URI = "libvirt runs commands that a URI names. Write its parts instead: `transport: unix` and `socket`."


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
