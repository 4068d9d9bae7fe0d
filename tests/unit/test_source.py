"""Reading commits and work trees of real repositories."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from reconciler.source import SourceError, open_source
from reconciler.source.content import normal
from tests.support.repository import Repository
from tests.support.trees import read, refused

SECRET = "root:$6$secret"


# What is read


def test_a_commit_is_read_as_it_was_committed(repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "a\n", "shop/b.yml": "b\n", "README.md": "no manifest\n"})
    repository.write({"a.yaml": "edited\n", "new.yaml": "new\n"})
    tree = open_source(repository.path, rev="HEAD")
    assert read(tree) == {"a.yaml": "a\n", "shop/b.yml": "b\n"}
    assert (tree.source.commit, tree.source.work_tree, tree.diagnostics) == (commit, False, [])


def test_the_work_tree_is_read_as_it_is(repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "a\n"})
    repository.write({"a.yaml": "edited\n", "shop/new.yaml": "new\n"})
    tree = open_source(repository.path, rev=None)
    assert read(tree) == {"a.yaml": "edited\n", "shop/new.yaml": "new\n"}
    assert (tree.source.commit, tree.source.work_tree) == (commit, True)


def test_what_git_ignores_is_not_read_and_is_no_difference(repository: Repository) -> None:
    repository.commit({"a.yaml": "a\n", ".gitignore": "/build/\n*.tmp.yaml\n"})
    repository.write({"build/b.yaml": "b\n", "c.tmp.yaml": "c\n", "shop/d e.tmp.yaml": "d\n"})
    tree = open_source(repository.path, rev=None)
    assert read(tree) == {"a.yaml": "a\n"}
    assert tree.differs == []


def test_an_ignored_file_that_is_tracked_is_read(repository: Repository) -> None:
    repository.commit({"a.yaml": "a\n"})
    repository.commit({"a.yaml": "a\n", ".gitignore": "*.yaml\n"})
    assert read(open_source(repository.path, rev=None)) == {"a.yaml": "a\n"}


def test_a_blob_carries_the_id_that_git_gave_it(repository: Repository) -> None:
    repository.commit({"a.yaml": "a\n"})
    (blob,) = open_source(repository.path, rev="HEAD").blobs()
    assert blob.id == repository.git("rev-parse", "HEAD:a.yaml")


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_names_with_a_leading_dot_are_not_read(repository: Repository, rev: str | None) -> None:
    repository.commit({".github/workflow.yaml": "x", ".pre-commit-config.yaml": "x", "a.yaml": "a"})
    assert list(read(open_source(repository.path, rev=rev))) == ["a.yaml"]


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_a_folder_of_the_repository_can_be_the_fleet(repository: Repository, rev: str | None) -> None:
    repository.commit({"lab/a.yaml": "a", "lab/deep/er/b.yaml": "b", "laboratory/c.yaml": "c", "d.yaml": "d"})
    tree = open_source(repository.path, rev=rev, path="lab/")
    assert list(read(tree)) == ["lab/a.yaml", "lab/deep/er/b.yaml"]


def test_a_bare_repository_can_be_read_by_revision(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a"})
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    tree = open_source(tmp_path / "bare.git", rev="main")
    assert read(tree) == {"a.yaml": "a"}
    assert tree.differs == []


def test_packed_objects_and_references_are_read(repository: Repository) -> None:
    repository.commit({f"{number}.yaml": f"{number}\n" * 50 for number in range(20)})
    repository.git("gc", "-q")
    assert not (repository.path / ".git/refs/heads/main").exists()
    assert len(read(open_source(repository.path, rev="main"))) == 20


def test_an_environment_that_points_elsewhere_changes_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"a.yaml": "mine"})
    other = Repository(tmp_path / "other")
    other.commit({"a.yaml": "other"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert read(open_source(repository.path, rev="HEAD")) == {"a.yaml": "mine"}


def test_a_repository_of_another_user_can_be_read(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit({"a.yaml": "a"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert read(open_source(repository.path, rev="HEAD")) == {"a.yaml": "a"}


# Revisions


@pytest.mark.parametrize("rev", ["main", "refs/heads/main", "v1", "annotated", "refs/tags/v1", "feature/x", "deadbeef"])
def test_branches_and_tags_name_their_commit(repository: Repository, rev: str) -> None:
    commit = repository.commit({"a.yaml": "a"})
    repository.git("tag", "v1")
    repository.git("tag", "-a", "-m", "one", "annotated")
    repository.git("branch", "feature/x")
    repository.git("branch", "deadbeef")
    assert open_source(repository.path, rev=rev).source.commit == commit


@pytest.mark.parametrize("length", [7, 12, 39, 40])
def test_a_commit_id_may_be_short(repository: Repository, length: int) -> None:
    commit = repository.commit({"a.yaml": "a"})
    repository.commit({"a.yaml": "b"})
    assert open_source(repository.path, rev=commit[:length]).source.commit == commit


@pytest.mark.parametrize(
    "rev",
    ["-evil", "--output=canary", "--upload-pack=touch canary", "HEAD~1", "main^", "main@{1}", ":a.yaml", "main:a.yaml",
     "no-such", "", " main", "main\n", "../main", "refs/heads/../../HEAD", "ffffffff", "0" * 40, "..", "@",
     "HEAD^{tree}", "mäin", "\x1b[31m", "refs/heads/-evil", "ext::sh -c touch% canary"],
)  # fmt: skip
def test_a_revision_is_a_plain_name_or_refused(repository: Repository, rev: str) -> None:
    commit = repository.commit({"a.yaml": "a"})
    if rev != "refs/heads/-evil":
        repository.git("update-ref", "refs/heads/-evil", commit)
    with pytest.raises(SourceError) as caught:
        open_source(repository.path, rev=rev)
    assert caught.value.diagnostics[0].code in ("unknown-revision", "missing-object")
    assert "\x1b" not in str(caught.value)
    assert not list(tmp_canaries(repository))


def tmp_canaries(repository: Repository) -> list[Path]:
    return [path for folder in (repository.path, Path.cwd()) for path in folder.glob("canary*")]


def test_a_reference_elsewhere_that_looks_like_an_id_is_none(repository: Repository) -> None:
    commit = repository.commit({"a.yaml": "a"})
    repository.git("update-ref", "refs/abcdef1", commit)
    assert repository.git("rev-parse", "abcdef1") == commit
    assert refused(repository, rev="abcdef1")[0] == "unknown-revision"


def test_a_name_of_a_branch_and_a_tag_is_ambiguous(repository: Repository) -> None:
    first = repository.commit({"a.yaml": "a"})
    repository.git("tag", "main")
    repository.commit({"a.yaml": "b"})
    code, detail = refused(repository, rev="main")
    assert code == "unknown-revision"
    assert "refs/heads/main or refs/tags/main" in detail
    assert open_source(repository.path, rev="refs/tags/main").source.commit == first


def test_a_revision_that_is_no_commit_is_refused(repository: Repository) -> None:
    repository.commit({"a.yaml": "a"})
    repository.git("tag", "content", repository.blob(b"x"))
    assert refused(repository, rev="content") == ("unknown-revision", "'content': It names a blob, not a commit.")


# Files that manifests name


@pytest.mark.parametrize(
    ("path", "clean"),
    [("a/b", "a/b"), ("./a//b/", "a/b"), ("", ""), (".", ""), ("..", None), ("a/../b", None), ("/a", None),
     ("a\\b", None), ("a\0b", None), ("a\nb", None), ("%2e%2e/a", "%2e%2e/a"), (".git/config", None),
     ("a/.GIT/x", None), ("...", "...")],
)  # fmt: skip
def test_paths_are_normal_or_refused(path: str, clean: str | None) -> None:
    assert normal(path) == clean


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_a_named_file_lies_in_the_fleets_folder_and_is_no_link(
    repository: Repository, tmp_path: Path, rev: str | None
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    repository.write({"lab/keys/me.pub": "key", "other/you.pub": "other"})
    (repository.path / "lab/link.pub").symlink_to(tmp_path / "secret")
    (repository.path / "lab/linked").symlink_to("keys")
    repository.commit()
    tree = open_source(repository.path, rev=rev, path="lab")
    assert tree.read_file("lab/keys/me.pub") == b"key"
    refused = ["other/you.pub", "lab/../other/you.pub", "lab/link.pub", "lab/linked/me.pub", "lab/keys", "lab/none",
               "../secret", str(tmp_path / "secret"), ".git/config", "lab"]  # fmt: skip
    assert [tree.read_file(path) for path in refused] == [None] * len(refused)


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_a_file_of_any_size_can_be_copied(repository: Repository, rev: str | None) -> None:
    content = os.urandom((3 << 20) + 1)
    repository.commit({"lab/images/disk.raw": content})
    target = io.BytesIO()
    tree = open_source(repository.path, rev=rev, path="lab")
    assert tree.copy_file("images/disk.raw", target)
    assert target.getvalue() == content
    assert not tree.copy_file("images/none.raw", target)
    assert not tree.copy_file("../lab/images/disk.raw", target)


# How the work tree differs


def test_what_differs_from_head_is_listed(repository: Repository) -> None:
    files = {"same.yaml": "same", "edited.yaml": "before", "gone.yaml": "x", "lab/in.yaml": "x", "notes.md": "x"}
    repository.commit(files)
    repository.write({"edited.yaml": "after", "untracked.yml": "new", "lab/in.yaml": "y", "notes.md": "y"})
    (repository.path / "gone.yaml").unlink()
    expected = ["edited.yaml", "gone.yaml", "lab/in.yaml", "untracked.yml"]
    assert open_source(repository.path, rev=None).differs == expected
    assert open_source(repository.path, rev="HEAD").differs == expected
    assert open_source(repository.path, rev="HEAD", path="lab").differs == ["lab/in.yaml"]


def test_a_clean_work_tree_differs_in_nothing(repository: Repository) -> None:
    repository.commit({"a.yaml": "a", "b.yaml": "b"})
    assert open_source(repository.path, rev=None).differs == []


def test_files_that_manifests_name_are_compared_with_head_too(repository: Repository) -> None:
    files: dict[str, str | bytes] = {
        "lab/keys/a.pub": "key a",
        "lab/keys/b.pub": "key b",
        "lab/disk.raw": b"\0" * 9,
        "lab/same.raw": b"\1",
    }
    repository.commit({"lab/a.yaml": "a: 1\n", **files})
    tree = open_source(repository.path, rev="HEAD", path="lab")
    for path in ("lab/keys/a.pub", "lab/keys/b.pub", "lab/keys/missing.pub", "../outside"):
        tree.read_file(path)
    named = ["disk.raw", "same.raw", "elsewhere.raw", "../outside"]
    assert tree.named_differ(named) == []
    repository.write({"lab/keys/a.pub": "KEY A", "lab/disk.raw": b"\0" * 8})
    (repository.path / "lab" / "keys" / "b.pub").unlink()
    assert tree.named_differ(named) == ["lab/disk.raw", "lab/keys/a.pub", "lab/keys/b.pub"]
