"""Following a branch of a repository on this machine."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from reconciler.serve.following.local import LocalBranch
from tests.support.repository import Repository


def followed(repository: Repository) -> tuple[str, LocalBranch]:
    """Its first commit, which was seen."""
    commit, follower = repository.commit({"a.yaml": "a"}), LocalBranch(repository.path, "main")
    assert follower.look().commit == commit
    return commit, follower


def test_the_tip_is_the_commit_that_the_branch_points_to(repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "a"})
    follower = LocalBranch(repository.path, "main")
    assert (follower.look().commit, follower.look().problem) == (commit, "")
    repository.git("pack-refs", "--all")
    assert follower.look().commit == commit
    following = repository.commit({"a.yaml": "b"})
    assert follower.look().commit == following


def test_a_bare_repository_is_followed_too(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"a.yaml": "a"})
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert LocalBranch(tmp_path / "bare.git", "main").look().commit == commit


@pytest.mark.parametrize("impostor", ["refs/tags/main", "refs/heads/refs/heads/main", "refs/tags/refs/heads/main"])
def test_a_branch_that_is_gone_is_a_problem_and_nothing_takes_its_place(repository: Repository, impostor: str) -> None:
    commit, follower = followed(repository)
    repository.git("update-ref", impostor, repository.commit({"a.yaml": "evil"}))
    repository.git("update-ref", "-d", "refs/heads/main")
    tip = follower.look()
    assert tip.commit == commit
    assert "There is no refs/heads/main" in tip.problem


def test_a_branch_within_the_former_one_does_not_take_its_place(repository: Repository) -> None:
    commit, follower = followed(repository)
    repository.git("update-ref", "-d", "refs/heads/main")
    repository.git("update-ref", "refs/heads/main/evil", commit)
    assert "There is no refs/heads/main" in follower.look().problem


def test_a_branch_that_points_to_a_file_is_a_problem(repository: Repository) -> None:
    commit, follower = followed(repository)
    (repository.path / ".git/refs/heads/main").write_text(repository.blob(b"no commit") + "\n")
    assert (follower.look().commit, "points to a blob" in follower.look().problem) == (commit, True)


def test_a_branch_whose_commit_is_missing_is_a_problem(repository: Repository) -> None:
    commit, follower = followed(repository)
    (repository.path / ".git/refs/heads/main").write_text("1" * 40 + "\n")
    tip = follower.look()
    assert tip.commit == commit
    assert "cannot be read" in tip.problem


def test_a_repository_that_goes_and_comes_again_is_a_problem_until_it_is_there(repository: Repository) -> None:
    commit, follower = followed(repository)
    shutil.rmtree(repository.path)
    assert (follower.look().commit, "not a Git repository" in follower.look().problem) == (commit, True)
    other = Repository(repository.path).commit({"a.yaml": "other"}, "Anew")
    assert (follower.look().commit, follower.look().problem) == (other, "")
    assert follower.rewound(commit, other), "nothing says that what was there before is in it"


def test_a_branch_is_rewound_when_its_tip_does_not_come_after_what_was_before(repository: Repository) -> None:
    first, second = repository.commit({"a.yaml": "a"}), repository.commit({"a.yaml": "b"})
    follower = LocalBranch(repository.path, "main")
    assert not follower.rewound(first, second)
    assert not follower.rewound(second, second)
    assert not follower.rewound("", second)
    assert follower.rewound(second, first)
    assert follower.rewound("1" * 40, second)


def test_neither_grafts_nor_replaced_objects_make_a_rewound_branch_look_straight(repository: Repository) -> None:
    before = repository.commit({"a.yaml": "a"})
    repository.git("checkout", "-q", "--orphan", "other")
    other = repository.commit({"a.yaml": "b"}, "No parent")
    (repository.path / ".git/info").mkdir(exist_ok=True)
    (repository.path / ".git/info/grafts").write_text(f"{other} {before}\n")
    assert repository.git("merge-base", before, other) == before, "the graft works for Git"
    assert LocalBranch(repository.path, "main").rewound(before, other)
    (repository.path / ".git/info/grafts").unlink()
    repository.git("replace", "--graft", other, before)
    assert repository.git("merge-base", before, other) == before, "the replacement works for Git"
    assert LocalBranch(repository.path, "main").rewound(before, other)


@pytest.mark.parametrize("branch", ["main", "release/prod"])
def test_a_push_is_heard_of_at_once_and_looking_is_no_push(repository: Repository, branch: str) -> None:
    first = repository.commit({"a.yaml": "a"})
    repository.git("update-ref", f"refs/heads/{branch}", first)
    follower, heard = LocalBranch(repository.path, branch), threading.Event()
    with follower.watching(heard.set):
        follower.look()
        assert not heard.wait(0.3), "it would wake itself without end"
        repository.git("update-ref", f"refs/heads/{branch}", repository.commit({"a.yaml": "b"}))
        assert heard.wait(10)
        heard.clear()
        repository.git("pack-refs", "--all")
        assert heard.wait(10)


def test_a_repository_that_is_not_there_cannot_be_watched_and_is_no_failure(tmp_path: Path) -> None:
    with LocalBranch(tmp_path / "none", "main").watching(lambda: None):
        assert "not a Git repository" in LocalBranch(tmp_path / "none", "main").look().problem
