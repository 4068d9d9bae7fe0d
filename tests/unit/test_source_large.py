"""Objects of Git that are small where they are packed, and large where they are read."""

from __future__ import annotations

import pytest

from reconciler.source import SourceError, open_source
from reconciler.source.revision import MOST_OBJECT_BYTES
from tests.support.repository import Repository

PERSON = "A <a@example.org> 1 +0000"


@pytest.fixture
def repository(repository: Repository) -> Repository:
    repository.commit({"fleet.yaml": "{}"})
    return repository


def told(repository: Repository, commit: str, path: str = "") -> str:
    with pytest.raises(SourceError, match="source is too large") as refusal:
        open_source(repository.path, rev=commit, path=path)
    (diagnostic,) = refusal.value.diagnostics
    return diagnostic.detail


def test_a_commit_that_is_too_large_is_refused_unread(repository: Repository) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    words = f"tree {tree}\nauthor {PERSON}\ncommitter {PERSON}\n\n{'a' * MOST_OBJECT_BYTES}\n"
    commit = repository.git("hash-object", "-w", "-t", "commit", "--stdin", data=words.encode())
    assert told(repository, commit).startswith(f"Object {commit} has 16,777,")


def test_a_folder_that_is_too_large_is_refused_unread(repository: Repository) -> None:
    blob = bytes.fromhex(repository.blob(b"x"))
    rows = b"".join(b"100644 %0200d\0%b" % (number, blob) for number in range(MOST_OBJECT_BYTES // 228 + 1))
    tree = repository.git("hash-object", "-w", "-t", "tree", "--stdin", data=rows)
    commit = repository.git("commit-tree", "-m", "Large", tree)
    assert told(repository, commit, path="fleet").startswith(f"Object {tree} has 16,777,")
