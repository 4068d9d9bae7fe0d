"""The manifest files that a person means: those of the fleet, or those below what was named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from reconciler.cli.naming import enclosing_repository

SUFFIXES = (".yaml", ".yml")


def manifest_files(paths: Sequence[Path], repo: Path | None, folder: str) -> Iterator[Path]:
    """Without paths the manifests of the fleet, as `plan` would read them from the work tree; else the files that were
    named, and those in the folders that were. Links are not followed.
    """
    if not paths:
        yield from _of_fleet(repo or enclosing_repository(), folder)
    for path in paths:
        if path.is_symlink():
            raise click.BadParameter(f"{path} is a symbolic link; name what it leads to")
        yield from _below(path) if path.is_dir() else [path]


def _of_fleet(repo: Path, folder: str) -> Iterator[Path]:
    from reconciler.source import open_source

    tree = open_source(repo, rev=None, path=folder)
    here = Path.cwd()
    for blob in tree.blobs():
        file = repo / blob.path
        yield file.relative_to(here) if file.is_relative_to(here) else file


def _below(folder: Path) -> Iterator[Path]:
    """In order. Names with a leading dot are for other programs."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(place) / name
            if name.endswith(SUFFIXES) and not name.startswith(".") and not file.is_symlink():
                yield file
