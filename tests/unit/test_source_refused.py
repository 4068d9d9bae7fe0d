"""Repositories that cannot be read, and hostile ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.manifest import MOST_FILES
from reconciler.source import SourceError, open_source
from reconciler.source.content import Entry
from reconciler.source.worktree import WorkTree
from reconciler.text import MOST_BYTES
from tests.support.repository import Repository
from tests.support.trees import codes, read, refused

SECRET = "root:$6$secret"


# What cannot be read at all


def test_a_folder_that_is_no_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path, rev=None)
    assert caught.value.diagnostics[0].code == "no-repository"
    assert "git init" in caught.value.diagnostics[0].detail


def test_a_folder_inside_a_repository_says_how_to_name_it(repository: Repository) -> None:
    repository.commit({"lab/a.yaml": "a"})
    with pytest.raises(SourceError) as caught:
        open_source(repository.path / "lab", rev=None)
    assert f"--repo {repository.path} --path lab" in caught.value.diagnostics[0].detail


def test_a_repository_without_a_commit_has_a_work_tree_only(repository: Repository) -> None:
    repository.write({"a.yaml": "a"})
    tree = open_source(repository.path, rev=None)
    assert (read(tree), tree.source.commit, tree.differs) == ({"a.yaml": "a"}, "", ["a.yaml"])
    code, detail = refused(repository, rev="HEAD")
    assert code == "no-commit"
    assert "git commit" in detail


def test_a_bare_repository_has_no_work_tree(repository: Repository, tmp_path: Path) -> None:
    repository.commit({"a.yaml": "a"})
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / "bare.git", rev=None)
    assert caught.value.diagnostics[0].code == "no-work-tree"


@pytest.mark.parametrize("rev", ["HEAD", None])
@pytest.mark.parametrize("path", ["gone", "lab/gone", "a.yaml", "link", "link/sub", "..", "/etc", "lab/../..", "a\\b"])
def test_a_vanished_folder_is_an_error_and_not_an_empty_fleet(
    repository: Repository, rev: str | None, path: str
) -> None:
    repository.write({"lab/sub/a.yaml": "a", "a.yaml": "a"})
    (repository.path / "link").symlink_to("lab")
    repository.commit()
    code, _ = refused(repository, rev=rev, path=path)
    assert code == "no-folder"


def test_a_missing_object_is_an_error_and_not_an_empty_fleet(repository: Repository) -> None:
    repository.commit({"lab/a.yaml": "a"})
    tree = repository.git("rev-parse", "HEAD:lab")
    (repository.path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    code, detail = refused(repository)
    assert code == "missing-object"
    assert tree in detail
    assert "git fsck" in detail


def test_a_damaged_object_is_an_error(repository: Repository) -> None:
    repository.commit({"a.yaml": "a"})
    blob = repository.git("rev-parse", "HEAD:a.yaml")
    path = repository.path / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert refused(repository)[0] == "missing-object"


def test_a_tree_that_has_one_name_twice_is_refused(repository: Repository) -> None:
    blobs = [repository.blob(content) for content in (b"a", b"b")]
    repository.commit_tree(*(f"100644 blob {blob}\ta.yaml" for blob in blobs))
    assert refused(repository)[0] == "missing-object"


def test_a_repository_of_longer_ids_says_so_and_not_that_it_has_no_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "long", "--object-format=sha256")
    commit = repository.commit({"a.yaml": "a"})
    for rev in ("HEAD", "main", commit):
        assert refused(repository, rev=rev)[0] == "object-format"


def test_a_shallow_clone_reads_its_tip_and_says_how_to_fetch_the_rest(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit({"a.yaml": "a"})
    repository.commit({"a.yaml": "b"})
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", str(tmp_path / "shallow"))
    assert read(open_source(tmp_path / "shallow", rev="HEAD")) == {"a.yaml": "b"}
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / "shallow", rev=first)
    assert "git fetch --unshallow" in caught.value.diagnostics[0].detail


def test_a_clone_without_its_objects_is_never_filled_from_the_remote(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.commit({"a.yaml": "a"})
    clone = tmp_path / "partial"
    repository.git("clone", "-q", "--bare", "--filter=blob:none", f"file://{repository.path}", str(clone))
    with pytest.raises(SourceError) as caught:
        open_source(clone, rev="HEAD")
    assert caught.value.diagnostics[0].code == "missing-object"
    assert "git fetch --refetch --no-filter" in caught.value.diagnostics[0].detail


# Hostile content


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_a_link_in_place_of_a_manifest_is_refused_and_never_followed(
    repository: Repository, tmp_path: Path, rev: str | None
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.yaml").write_text(SECRET)
    repository.write({"real/a.yaml": "a"})
    (repository.path / "shadow.yaml").symlink_to(tmp_path / "secret")
    (repository.path / "folder").symlink_to("real")
    (repository.path / "away").symlink_to(tmp_path / "outside")
    (repository.path / "notes.md").symlink_to("real/a.yaml")
    repository.commit()
    tree = open_source(repository.path, rev=rev)
    assert read(tree) == {"real/a.yaml": "a"}
    assert sorted(codes(tree)) == [("symlink", "folder"), ("symlink", "shadow.yaml")]
    assert SECRET not in repr(tree.diagnostics)


def test_a_link_that_takes_the_place_of_a_file_or_folder_is_not_followed(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.yaml").write_text(SECRET)
    (repository.path / "folder").symlink_to(tmp_path / "outside")
    (repository.path / "x.yaml").symlink_to(tmp_path / "outside" / "x.yaml")
    content = WorkTree(repository.path)
    assert content.children("folder") == {}
    for path in ("x.yaml", "folder/x.yaml"):
        with pytest.raises(SourceError):
            content.read(Entry(path=path, type="file"), MOST_BYTES)


def test_a_file_that_grew_is_refused_and_not_read_in_part(repository: Repository) -> None:
    repository.write({"a.yaml": b"#" * 101})
    content = WorkTree(repository.path)
    assert len(content.read(Entry(path="a.yaml", type="file"), 101)) == 101
    with pytest.raises(SourceError):
        content.read(Entry(path="a.yaml", type="file"), 100)


def test_a_submodule_is_refused_in_a_commit(repository: Repository) -> None:
    entry = repository.blob(b"a")
    repository.commit_tree(f"100644 blob {entry}\ta.yaml", f"160000 commit {'1' * 40}\tvendor")
    assert codes(open_source(repository.path, rev="HEAD")) == [("submodule", "vendor")]


def test_a_repository_in_the_work_tree_is_refused(repository: Repository) -> None:
    repository.commit({"a.yaml": "a"})
    Repository(repository.path / "vendor").write({"b.yaml": "b", "keys/me.pub": "key"})
    tree = open_source(repository.path, rev=None)
    assert [tree.read_file(path) for path in ("vendor/b.yaml", "vendor/keys/me.pub")] == [None, None]
    assert (read(tree), codes(tree)) == ({"a.yaml": "a"}, [("submodule", "vendor")])


def test_no_filter_hook_or_attribute_of_the_repository_runs(repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    repository.git("config", "filter.evil.smudge", f"touch {canary}; cat")
    repository.git("config", "filter.evil.clean", "cat")
    repository.git("config", "filter.evil.textconv", f"touch {canary}; cat")
    repository.git("config", "core.fsmonitor", f"touch {canary}")
    repository.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    repository.commit({".gitattributes": "*.yaml filter=evil diff=evil\n", "a.yaml": "a"})
    canary.unlink(missing_ok=True)
    (tmp_path / "hooks").mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = tmp_path / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
        hook.chmod(0o755)
    tree = open_source(repository.path, rev="HEAD")
    assert (read(tree), tree.differs) == ({"a.yaml": "a"}, [])
    assert open_source(repository.path, rev=None).differs == []
    assert not canary.exists()
    (repository.path / "a.yaml").unlink()
    repository.git("checkout", "--", "a.yaml")
    assert canary.exists(), "the trap is no trap: a checkout must spring it"


def test_names_that_cannot_be_shown_are_refused_with_a_name_that_can(repository: Repository) -> None:
    blob = repository.blob(b"a")
    repository.commit_tree(
        f"100644 blob {blob}\tgood.yaml",
        f"100644 blob {blob}\tline\nbreak.yaml",
        f"100644 blob {blob}\t\x1b[31m.yaml",
        f"100644 blob {blob}\t\udcff.yaml",
        f"100644 blob {blob}\t\udcff.png",
    )
    tree = open_source(repository.path, rev="HEAD")
    assert list(read(tree)) == ["good.yaml"]
    assert sorted(codes(tree)) == [
        ("file-name", "\\x1b[31m.yaml"),
        ("file-name", "\\xff.yaml"),
        ("file-name", "line\\nbreak.yaml"),
    ]


def test_names_that_differ_in_case_only_are_refused(repository: Repository) -> None:
    blob = repository.blob(b"a")
    repository.commit_tree(f"100644 blob {blob}\tWeb.yaml", f"100644 blob {blob}\tweb.yaml")
    assert codes(open_source(repository.path, rev="HEAD")) == [("case-clash", "web.yaml")]


def test_a_folder_or_pipe_named_like_a_manifest_is_refused(repository: Repository) -> None:
    repository.commit({"odd.yaml/inner.yaml": "x", "a.yaml": "a"})
    assert ("not-a-file", "odd.yaml") in codes(open_source(repository.path, rev="HEAD"))
    os.mkfifo(repository.path / "pipe.yaml")
    assert ("not-a-file", "pipe.yaml") in codes(open_source(repository.path, rev=None))


@pytest.mark.parametrize("rev", ["HEAD", None])
def test_a_huge_file_is_refused_unread(repository: Repository, rev: str | None) -> None:
    with (repository.path / "huge.yaml").open("wb") as huge:
        huge.truncate(MOST_BYTES + 1)
    repository.commit({"a.yaml": "a", "full.yaml": b"#" * MOST_BYTES})
    tree = open_source(repository.path, rev=rev)
    assert (sorted(read(tree)), codes(tree)) == (["a.yaml", "full.yaml"], [("file-too-large", "huge.yaml")])
    assert tree.read_file("huge.yaml") is None


def test_too_many_files_are_refused(repository: Repository) -> None:
    blob = repository.blob(b"a")
    repository.commit_tree(*(f"100644 blob {blob}\t{number}.yaml" for number in range(MOST_FILES + 1)))
    code, detail = refused(repository)
    assert code == "source-too-large"
    assert f"{MOST_FILES + 1:,}" in detail


def test_too_much_together_is_refused(repository: Repository) -> None:
    blob = repository.blob(b"#" * MOST_BYTES)
    repository.commit_tree(*(f"100644 blob {blob}\t{number}.yaml" for number in range(65)))
    assert refused(repository)[0] == "source-too-large"
