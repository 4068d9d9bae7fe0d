"""What is read from repositories, and what is refused."""

from __future__ import annotations

import pytest

from reconciler.source import SourceError, Tree, open_source
from tests.support.repository import Repository


def read(tree: Tree) -> dict[str, str]:
    """The manifests, by path."""
    return {blob.path: blob.data.decode() for blob in tree.blobs()}


def codes(tree: Tree) -> list[tuple[str, str]]:
    """The code of each diagnostic, and where it is."""
    return [(each.code, each.place.path if each.place else "") for each in tree.diagnostics]


def refused(repository: Repository, *, rev: str | None = "HEAD", path: str = "") -> tuple[str, str]:
    """The code and the detail of the one reason why nothing is read."""
    with pytest.raises(SourceError) as caught:
        open_source(repository.path, rev=rev, path=path)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.code, diagnostic.detail
