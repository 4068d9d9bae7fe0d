"""What a shell completes. It is asked at every press of a key, so it reads the least that tells: no Git, no graph, and
of a manifest only its kind and name.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from reconciler.cli.manifest_files import manifest_files
from reconciler.cli.naming import enclosing_repository, kind_named

MOST_BYTES = 16 << 20
_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)
_KIND = re.compile(r"^kind:[ \t]*[\"']?(\w+)", re.MULTILINE)
_METADATA = re.compile(r"^metadata:(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_NAME = re.compile(r"(?:^|[\s{,])name:[ \t]*[\"']?([a-z0-9-]+)")
_PROJECT = re.compile(r"(?:^|[\s{,])project:[ \t]*[\"']?([a-z0-9-]+)")


def complete_address(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Addresses of the work tree's manifests: kinds first, then what there is of the kind."""
    kind, slash, _ = incomplete.partition("/")
    if not slash:
        return [CompletionItem(f"{name}/") for name in _kinds() if name.lower().startswith(kind.lower())]
    wanted = kind_named(kind)
    if wanted is None:
        return []
    found = sorted(set(_addresses(_folder(ctx), wanted)))
    prefix = f"{wanted}/{incomplete.partition('/')[2]}"
    return [CompletionItem(address) for address in found if address.startswith(prefix)]


def complete_selection(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A kind or an address."""
    if "/" in incomplete:
        return complete_address(ctx, param, incomplete)
    return complete_kind(ctx, param, incomplete)


def complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A kind."""
    return [CompletionItem(name) for name in _kinds() if name.lower().startswith(incomplete.lower())]


def complete_explained(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A kind, a field of one (`Instance.networks`), or a code."""
    word, dot, rest = incomplete.partition(".")
    kind = kind_named(word)
    if dot and kind:
        from reconciler.report.field_doc import field_paths

        wanted = f"{kind}.{rest.removeprefix('spec.')}"
        return [CompletionItem(path) for path in field_paths(kind) if path.startswith(wanted)]
    from reconciler.report.codes import meanings

    kinds = [name for name in _kinds() if name.lower().startswith(incomplete.lower())]
    return [
        CompletionItem(name) for name in [*kinds, *(code for code in sorted(meanings()) if code.startswith(incomplete))]
    ]


def _kinds() -> list[str]:
    from reconciler.kinds import REGISTRY

    return sorted(REGISTRY)


def _folder(ctx: click.Context) -> Path:
    repo = ctx.params.get("repo") or enclosing_repository()
    return Path(repo) / (ctx.params.get("path") or "")


def _addresses(folder: Path, kind: str) -> Iterator[str]:
    from reconciler.kinds.base import DEFAULT_PROJECT, REGISTRY

    scoped = REGISTRY[kind].scope == "project"
    for text in _texts(folder):
        for document in _DOCUMENTS.split(text) if kind in text else ():
            found, metadata = _KIND.search(document), _METADATA.search(document)
            name = _NAME.search(metadata[1]) if metadata else None
            if found and found[1] == kind and metadata and name:
                project = _PROJECT.search(metadata[1])
                owner = f"{project[1] if project else DEFAULT_PROJECT}/" if scoped else ""
                yield f"{kind}/{owner}{name[1]}"


def _texts(folder: Path) -> Iterator[str]:
    """Manifest files as text; what cannot be read completes nothing."""
    for file in manifest_files([folder], None, ""):
        with contextlib.suppress(OSError):
            if file.stat().st_size <= MOST_BYTES:
                yield file.read_text(encoding="utf-8", errors="replace")
