"""What whoever pushed is told where there is nobody to follow, and what Git's hooks are told."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from reconciler.hooks.post_receive import accepted
from reconciler.hooks.site import Site
from reconciler.hooks.updates import NotGit, branch_of, deleted, made, name_of, read
from reconciler.report.screen import Screen, Stream
from reconciler.serve.checking import Deployment

OLD, NEW, NOTHING = "a" * 40, "b" * 40, "0" * 40


def somebody_elses(folder: Path) -> Path:
    """A folder that belongs to another user than the one who runs the tests."""
    if os.geteuid():
        return Path("/")
    os.chown(folder, 65534, -1)
    return folder


def follow(repository: Path, ref: str, new: str = NEW) -> tuple[int, str]:
    """What a hook says of a push, and its exit code."""
    site = Site(deployment=Deployment(repository=str(repository), branch="main"), socket=repository / "nobody.sock")
    told = io.StringIO()
    code = accepted(site, read([f"{OLD} {new} {ref}\n"]), {}, Screen(Stream(io.StringIO(), {}), Stream(told, {})))
    return code, told.getvalue()


def test_where_the_repository_is_somebody_elses_it_is_said_who_has_to_run_what(tmp_path: Path) -> None:
    repository = somebody_elses(tmp_path)
    code, told = follow(repository, "refs/heads/main")
    assert code == 1
    assert "main has the commit, and nobody deploys it yet." in told
    assert f"has to run: reconciler serve --repo {repository}" in told


@pytest.mark.parametrize(
    ("ref", "new"), [("refs/heads/other", NEW), ("refs/tags/main", NEW), ("refs/heads/main", NOTHING)]
)
def test_what_does_not_deploy_is_not_followed(tmp_path: Path, ref: str, new: str) -> None:
    assert follow(tmp_path, ref, new) == (0, "")


def test_updates_are_read_as_git_tells_them() -> None:
    (update,) = read([f"{NOTHING} {NEW} refs/heads/a b\n"])
    assert (branch_of(update), made(update), deleted(update)) == ("a b", True, False)
    assert len(name_of(read([f"{OLD} {NEW} refs/heads/{'x' * 5000}\n"])[0])) < 200
    for line in ("", "hello", f"{OLD} {NEW}", f"{OLD} main refs/heads/main", f"{OLD[:-1]} {NEW} refs/heads/main"):
        with pytest.raises(NotGit):
            read([line])
