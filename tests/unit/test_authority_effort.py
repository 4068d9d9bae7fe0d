"""Histories that are small where they are packed, and would take all memory there is to be judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.court import Court

ADA = "ada@example.org"


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """Whose first commit is applied. Ada may everything."""
    court = Court(tmp_path, rules=({"who": [ADA], "projects": ["*"], "fleet": True},))
    court.commit(None, ADA, "First")
    court.apply()
    return court


def test_commits_of_far_too_many_words_are_not_read(court: Court) -> None:
    """They are small where they are packed, and each is one that may be read."""
    git = court.repository.git
    words = f"data {1_000_000}\n{'a' * 1_000_000}\n"
    head = "commit refs/heads/main\ncommitter A <ada@example.org> 1 +0000\n"
    more = f"{head}{words}from {git('rev-parse', 'HEAD')}\n" + f"{head}{words}" * 70
    git("fast-import", "--quiet", data=more.encode())
    (told,) = court.refused()
    assert told.code == "cannot-be-judged"
    assert "have more than 64 MiB by themselves" in told.detail


def test_a_folder_that_stands_for_more_files_than_there_can_be_is_not_gone_through(court: Court) -> None:
    """A later commit removes it, so that what is planned for has nothing of it."""
    git = court.repository.git
    before, blob = git("rev-parse", "HEAD"), court.repository.blob(b"x")
    rows = "".join(f"100644 blob {blob}\t{number}\n" for number in range(100))
    for _ in range(5):
        tree = git("mktree", data=rows.encode())
        rows = "".join(f"040000 tree {tree}\t{number}\n" for number in range(100))
    root = git("mktree", data=f"{git('ls-tree', 'HEAD')}\n040000 tree {tree}\t.hidden\n".encode())
    with_it = git("commit-tree", "-p", before, "-m", "With it", root)
    without = git("commit-tree", "-p", with_it, "-m", "Without", f"{before}^{{tree}}")
    git("update-ref", "refs/heads/main", without)
    (told,) = court.refused()
    assert told.code == "too-much-to-judge"
    assert "more than 100,000 files change" in told.detail
