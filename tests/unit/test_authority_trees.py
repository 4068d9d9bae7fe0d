"""Which files differ between trees, also where somebody made such as Git itself does not make."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.authority.differing import Changed, differing
from reconciler.source import SourceError, open_repository
from tests.support.court import Court
from tests.support.repository import Repository

ADA, SAM = "ada@example.org", "sam@example.org"


@pytest.fixture
def court(tmp_path: Path) -> Court:
    """Whose first commit is applied. Sam may change what is the shop's, in its folder."""
    rules = (
        {"who": [ADA], "projects": ["*"], "fleet": True},
        {"who": [SAM], "projects": ["shop"], "paths": ["shop/**"]},
    )
    court = Court(tmp_path, rules=rules)
    court.commit(None, ADA, "First")
    court.apply()
    return court


def raw(repository: Repository, tree: str) -> list[tuple[bytes, bytes, bytes]]:
    """The entries of a tree: mode, name and id."""
    rows = [row.split("\t") for row in repository.git("ls-tree", tree).splitlines()]
    return [(row[0].split()[0].lstrip("0").encode(), row[1].encode(), bytes.fromhex(row[0].split()[2])) for row in rows]


def commit(repository: Repository, rows: list[tuple[bytes, bytes, bytes]], parent: str = "HEAD") -> str:
    """Commit as Sam what no work tree could hold."""
    data = b"".join(b"%s %s\0%s" % row for row in rows)
    tree = repository.git("hash-object", "-w", "-t", "tree", "--stdin", "--literally", data=data)
    head = f"tree {tree}\nparent {repository.git('rev-parse', parent)}\n"
    who = "S <sam@example.org> 1 +0000"
    words = f"{head}author {who}\ncommitter {who}\n\nChange\n".encode()
    made = repository.git("hash-object", "-w", "-t", "commit", "--stdin", data=words)
    repository.git("update-ref", "refs/heads/main", made)
    return made


def renamed(repository: Repository, names: dict[bytes, bytes]) -> list[tuple[bytes, bytes, bytes]]:
    """The entries of HEAD's root under other names."""
    return [(mode, names.get(name, name), identity) for mode, name, identity in raw(repository, "HEAD^{tree}")]


def test_a_folder_is_not_hidden_by_a_name_with_a_slash_in_it(court: Court) -> None:
    """`git diff-tree` tells no difference, and what is in the folder would be nobody's, and deleted."""
    repository = court.repository
    before = repository.git("rev-parse", "HEAD")
    after = commit(repository, renamed(repository, {b"billing": b"billing/x"}))
    assert repository.git("diff-tree", "-r", before, after) == ""
    with pytest.raises(SourceError, match="It is damaged"):
        court.load()


@pytest.mark.parametrize("name", [b"billing/x", b"..", b"shop"])
def test_a_tree_that_git_does_not_make_is_refused_also_on_the_way(court: Court, name: bytes) -> None:
    repository = court.repository
    tree = repository.git("rev-parse", "HEAD^{tree}")
    commit(repository, renamed(repository, {b"billing": name}))
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", "-p", "HEAD", "-m", "Back", tree))
    (told,) = court.refused()
    assert told.code == "cannot-be-judged"


def test_a_tree_that_is_none_is_refused(court: Court) -> None:
    repository = court.repository
    tree = repository.git("rev-parse", "HEAD^{tree}")
    blob = bytes.fromhex(repository.blob(b""))
    commit(
        repository, [(mode, name, blob if name == b"billing" else each) for mode, name, each in raw(repository, tree)]
    )
    repository.git("update-ref", "refs/heads/main", repository.git("commit-tree", "-p", "HEAD", "-m", "Back", tree))
    (told,) = court.refused()
    assert told.code == "cannot-be-judged"
    assert "cannot be read: it is none" in told.detail


@pytest.mark.parametrize("many", [False, True])
def test_files_differ_as_git_has_it_where_it_made_the_trees(tmp_path: Path, many: bool) -> None:
    """The many are read all at once."""
    repository = Repository(tmp_path / "fleet")
    more = {f"many/{number}/x.yaml": "1" for number in range(40 if many else 1)}
    first = repository.commit({"a.yaml": "1", "b/c.yaml": "1", "b/d/e.txt": "1", "x": "1", "same.yaml": "1", **more})
    (repository.path / "x").unlink()
    (repository.path / "a.yaml").chmod(0o755)
    (repository.path / "link").symlink_to("a.yaml")
    second = repository.commit({"x/y.yaml": "1", "b/c.yaml": "2", "b/d/f.txt": "1", **dict.fromkeys(more, "2")})
    before, after = (repository.git("rev-parse", f"{each}^{{tree}}") for each in (first, second))
    pairs = [(before, after), (after, before)]
    found = differing(open_repository(repository.path), pairs, "")
    for pair, files in zip(pairs, found, strict=True):
        rows = repository.git("diff-tree", "-r", "--no-renames", "--no-abbrev", *pair).splitlines()
        assert {each.path for each in files} == {row.split("\t")[1] for row in rows}
    blob = repository.git("rev-parse", f"{second}:x/y.yaml")
    assert Changed(path="x/y.yaml", after=blob) in found[0]
    assert [each for each in found[0] if each.path in ("x", "link")] == [
        Changed(path="link"),
        Changed(path="x", before=blob),
    ]


def test_of_a_folder_its_own_files_are_told_alone(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "fleet")
    first = repository.commit({"fleet/a.yaml": "1", "fleet.yaml": "1", "other/fleet/a.yaml": "1"})
    second = repository.commit({"fleet/b/c.yaml": "1", "fleet.yaml": "2", "other/fleet/a.yaml": "2"})
    trees = repository.git("rev-parse", f"{first}^{{tree}}"), repository.git("rev-parse", f"{second}^{{tree}}")
    for folder, paths in (("fleet", ["fleet/b/c.yaml"]), ("other/fleet", ["other/fleet/a.yaml"]), ("none", [])):
        (files,) = differing(open_repository(repository.path), [trees], folder)
        assert [each.path for each in files] == paths
