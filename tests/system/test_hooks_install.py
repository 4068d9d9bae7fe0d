"""Hooks in a bare repository: how they get there, what is in their way, and how they go again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Desk
from tests.support.controls import Remembering
from tests.support.pushing import MISTAKE, Bare


def test_the_hooks_are_there_once_however_often_they_are_installed(desk: Desk, bare: Bare) -> None:
    hooks = {path: path.read_text() for path in (bare.path / "hooks").glob("*-receive")}
    assert {path.name for path in hooks} == {"pre-receive", "post-receive"}
    assert all(path.stat().st_mode & 0o111 == 0o111 for path in hooks)
    again = desk.run("hooks", "install", str(bare.path))
    assert again.code == 0
    assert "there already" in again.err
    assert {path: path.read_text() for path in hooks} == hooks


def test_another_branch_is_deployed_once_the_hooks_are_installed_anew(
    desk: Desk, bare: Bare, attended: Remembering
) -> None:
    assert bare.push().code == 0
    assert len(attended.asked) == 1
    assert desk.run("hooks", "install", str(bare.path), "--branch", "live").code == 0
    text = (bare.path / "hooks" / "post-receive").read_text()
    assert "--branch live" in text
    assert "--branch main" not in text
    assert bare.push("HEAD:live").code == 0
    assert len(attended.asked) == 2


def test_what_is_not_said_is_as_the_trusted_configuration_says(desk: Desk, bare: Bare) -> None:
    folder = desk.home / ".config" / "reconciler"
    folder.mkdir(parents=True)
    followed = {"url": str(bare.path), "branch": "live", "path": "cloud"}
    section = {"repository": followed, "controller": {"socket": "/run/cloud.sock"}}
    fleets = {"3f8a2b1c-0d4e-4f5a-9b6c-7d8e9f0a1b2c": section}
    (folder / "config.yaml").write_text(json.dumps({"fleets": fleets}))
    assert desk.run("hooks", "install", str(bare.path)).code == 0
    text = (bare.path / "hooks" / "pre-receive").read_text()
    assert text.endswith("pre-receive --branch live --path cloud --socket /run/cloud.sock\n")
    assert desk.run("hooks", "install", str(bare.path), "--branch", "main").code == 0
    assert "--branch main" in (bare.path / "hooks" / "pre-receive").read_text()


def test_a_fleet_that_is_another_repositorys_is_not_taken_over_by_its_id(desk: Desk, bare: Bare) -> None:
    (fleet_id,) = re.findall(r"^  id: (\S+)$", (desk.repo / "fleet.yaml").read_text(), re.MULTILINE)
    file = desk.home / ".config" / "reconciler" / "config.yaml"
    file.parent.mkdir(parents=True)
    for url, taken in ((str(bare.path.parent / "other.git"), False), (str(bare.path), True)):
        file.write_text(json.dumps({"fleets": {fleet_id: {"repository": {"url": url}}}}))
        push = bare.push()
        assert (push.code == 0) is taken, push.err
        assert ("fleet is another repository's" in push.out) is not taken


def test_hooks_of_somebody_else_are_left_as_they_are_and_told_how_to_call_ours(desk: Desk, bare: Bare) -> None:
    theirs = bare.path / "hooks" / "pre-receive"
    theirs.write_text("#!/bin/sh\nexit 0\n")
    ours = bare.path / "hooks" / "post-receive"
    ours.unlink()
    refused = desk.run("hooks", "install", str(bare.path))
    assert refused.code == 1
    assert "pre-receive is not ours" in refused.err
    assert "-m reconciler hooks run pre-receive --branch main" in refused.err
    assert theirs.read_text() == "#!/bin/sh\nexit 0\n"
    assert not ours.exists(), "half of the hooks were installed"


def test_hooks_of_somebody_else_that_call_ours_stay_beside_ours(desk: Desk, bare: Bare) -> None:
    theirs = bare.path / "hooks" / "post-receive"
    call = theirs.read_text().splitlines()[-1].removeprefix("exec ")
    text = f"#!/bin/sh\necho before\n{call}\n"
    theirs.write_text(text)
    again = desk.run("hooks", "install", str(bare.path))
    assert again.code == 0
    assert f"Not ours, and they call ours: {theirs}." in again.err
    assert desk.run("hooks", "install", str(bare.path), "--branch", "live").code == 1, "theirs calls for another branch"
    gone = desk.run("hooks", "uninstall", str(bare.path))
    assert gone.err.splitlines() == [
        f"Removed: {bare.path}/hooks/pre-receive.",
        f"Not ours, and they call ours: {theirs}. Take that out of them.",
    ]
    assert theirs.read_text() == text


def test_hooks_that_are_taken_away_deploy_nothing_any_more(desk: Desk, bare: Bare, attended: Remembering) -> None:
    assert desk.run("hooks", "uninstall", str(bare.path)).code == 0
    assert bare.push().code == 0
    assert attended.asked == []
    assert "There are no hooks of ours." in desk.run("hooks", "uninstall", str(bare.path)).err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--branch", "a b"), "'a b' is no name of a branch"),
        (("--branch", ""), "'' is no name of a branch"),
        (("--path", "../else"), "it may only lead downwards"),
    ],
)
def test_hooks_for_what_can_never_be_deployed_are_not_written(
    desk: Desk, bare: Bare, option: tuple[str, str], said: str
) -> None:
    before = (bare.path / "hooks" / "pre-receive").read_text()
    refused = desk.run("hooks", "install", str(bare.path), *option)
    assert refused.code == 1
    assert said in refused.err
    assert (bare.path / "hooks" / "pre-receive").read_text() == before


def test_it_is_told_when_clones_begin_with_a_branch_that_does_not_deploy(desk: Desk, bare: Bare) -> None:
    bare.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    told = desk.run("hooks", "install", str(bare.path), "--branch", "refs/heads/main").err
    assert "Whoever pushes to branch main of" in told
    assert "Its HEAD names branch trunk, which does not deploy" in told


def test_what_stands_in_the_way_of_a_hook_is_told_with_its_place(desk: Desk, bare: Bare) -> None:
    bare.git("config", "core.hooksPath", "/dev/null")
    refused = desk.run("hooks", "install", str(bare.path)).err
    assert "hooks cannot be written" in refused
    assert "Git looks for hooks in /dev/null" in refused


def test_one_who_calls_a_hook_by_hand_is_told_that_git_does_that(desk: Desk) -> None:
    for words in (("hooks",), ("hooks", "run", "pre-receive")):
        told = desk.run(*words).err
        assert "bug" not in told
        assert "\\x0a" not in told


def test_hooks_go_where_the_repository_looks_for_them(desk: Desk, bare: Bare) -> None:
    bare.git("config", "core.hooksPath", "our hooks")
    told = desk.run("hooks", "install", str(bare.path))
    assert told.code == 0
    assert f"core.hooksPath of the repository leads to {bare.path}/our hooks" in told.err
    assert (bare.path / "our hooks" / "pre-receive").exists()
    desk.edit("instances.yaml", *MISTAKE)
    desk.commit("Mistake")
    assert "is rejected" in bare.push().out


def test_hooks_that_other_repositories_run_too_are_not_written(desk: Desk, bare: Bare, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (desk.home / ".gitconfig").write_text(f"[core]\nhooksPath = {shared}\n")
    refused = desk.run("hooks", "install", str(bare.path))
    assert refused.code == 1
    assert "config core.hooksPath hooks" in refused.err
    assert not shared.exists()


def test_a_repository_with_a_work_tree_is_refused(desk: Desk, tmp_path: Path) -> None:
    refused = desk.run("hooks", "install", str(desk.repo))
    assert refused.code == 1
    assert "git clone --bare" in refused.err
    (tmp_path / "nothing").mkdir()
    assert "git init --bare" in desk.run("hooks", "install", str(tmp_path / "nothing")).err
