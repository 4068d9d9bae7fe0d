"""Following a branch of a repository elsewhere: what is fetched, from servers that behave and others that do not."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from reconciler.limited import MIB
from reconciler.serve.following.branch import Tip
from reconciler.source import open_repository, open_source
from tests.support.following import followed, follower, noted, problem
from tests.support.git_server import GitServer
from tests.support.hostile import Traps
from tests.support.repository import Repository


def test_a_branch_is_fetched_and_its_commits_can_be_read(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    first = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=first)
    second = repository.commit({"a.yaml": "b"})
    assert branch.look() == Tip(commit=second)
    (blob,) = open_source(branch.repository, rev=second).blobs()
    assert blob.data == b"b"
    assert not branch.rewound(first, second)
    assert branch.rewound(second, first)


def test_a_restart_knows_the_last_commit_while_the_server_is_away(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    follower(server, tmp_path).look()
    server.close()
    assert "git fetch" in problem(follower(server, tmp_path).look(), commit)


def test_nothing_but_the_branch_is_fetched_of_ten_thousand_references(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    rows = "".join(f"{commit} refs/heads/many/{number:05}\n" for number in range(10_000))
    (repository.path / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted\n{rows}")
    assert len(repository.git("branch", "--list", "many/*").split()) == 10_000
    repository.git("tag", "-a", "-m", "Tag", "v1")
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=commit)
    references = open_repository(branch.repository).git.for_each_ref("--format=%(refname)").split()
    assert references == ["refs/heads/main"]


def test_a_branch_that_is_deleted_or_written_anew_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path)
    repository.git("checkout", "-q", "--orphan", "other")
    other = repository.commit({"a.yaml": "b"}, "No parent")
    repository.git("update-ref", "-d", "refs/heads/main")
    for impostor in ("refs/tags/main", "refs/heads/refs/heads/main"):
        repository.git("update-ref", impostor, other)
    assert "There is no refs/heads/main" in problem(branch.look(), commit)
    repository.git("update-ref", "refs/heads/main", other)
    assert branch.look() == Tip(commit=other)
    assert branch.rewound(commit, other)


def test_a_branch_that_points_to_a_file_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path)
    (repository.path / ".git/refs/heads/main").write_text(repository.blob(b"no commit") + "\n")
    assert "points to a blob" in problem(branch.look(), commit)


def test_a_shallow_or_damaged_repository_keeps_the_last_commit(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path)
    repository.commit({"a.yaml": "b"})
    tip = repository.commit({"a.yaml": "c"})
    (repository.path / ".git/shallow").write_text(tip + "\n")
    assert "shallow" in problem(branch.look(), commit)
    (repository.path / ".git/shallow").unlink()
    tree = repository.git("rev-parse", "main^{tree}")
    (repository.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    problem(branch.look(), commit)


def test_a_large_file_is_not_fetched_and_leaves_nothing(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path, file=4 * MIB)
    repository.commit({"large": os.urandom(8 * MIB)})
    assert "more than 4 MiB" in problem(branch.look(), commit)
    left = sum(path.stat().st_size for path in branch.repository.rglob("*") if path.is_file())
    assert left < MIB


def test_a_broken_object_is_not_stored(repository: Repository, server: GitServer, tmp_path: Path) -> None:
    commit, branch = followed(repository, server, tmp_path)
    blob = repository.blob(b"x")
    crafted = b"".join(b"100644 " + name + b"\0" + bytes.fromhex(blob) for name in (b".git", b"a.yaml"))
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=crafted)
    evil = repository.git("commit-tree", "-m", "Evil", "-p", commit, tree)
    repository.git("update-ref", "refs/heads/main", evil)
    assert "hasDotgit" in problem(branch.look(), commit)


def test_nothing_of_a_repository_that_is_fetched_is_run_or_taken_over(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit = repository.commit({"a.yaml": "a", ".gitattributes": "* filter=evil diff=evil\n"})
    traps = Traps(repository.path / ".git", tmp_path / "canaries")
    branch = follower(server, tmp_path)
    assert branch.look() == Tip(commit=commit)
    noted(branch, commit)
    (blob,) = open_source(branch.repository, rev=commit).blobs()
    assert blob.data == b"a"
    assert traps.sprung() == set()
    assert not (branch.repository / "hooks").exists()
    assert "evil" not in (branch.repository / "config").read_text()


def test_a_submodule_that_smuggles_an_option_is_not_even_stored(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    commit, branch = followed(repository, server, tmp_path)
    repository.commit({".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch canary\n'})
    assert "gitmodulesUrl" in problem(branch.look(), commit)


@pytest.mark.parametrize("misbehave", ["hang", "trickle"])
def test_a_slow_server_is_not_waited_for_and_given_up(
    repository: Repository, server: GitServer, tmp_path: Path, misbehave: str
) -> None:
    commit = repository.commit({"a.yaml": "a"})
    follower(server, tmp_path).look()
    server.misbehave = misbehave
    branch, hinted = follower(server, tmp_path, patience=0.2, seconds=1.5), threading.Event()
    with branch.watching(hinted.set):
        assert "still being fetched" in problem(branch.look(), commit)
        assert hinted.wait(30)
    server.misbehave = ""
    assert follower(server, tmp_path).look() == Tip(commit=commit)


def test_what_a_slow_fetch_brings_is_hinted_at(repository: Repository, server: GitServer, tmp_path: Path) -> None:
    commit = repository.commit({"a.yaml": "a"})
    branch, hinted = follower(server, tmp_path, patience=0), threading.Event()
    with branch.watching(hinted.set):
        assert "still being fetched" in problem(branch.look())
        assert hinted.wait(30)
        assert branch.look().commit == commit
