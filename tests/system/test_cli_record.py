"""The record of what was applied, told through the command line alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Desk

WEB = "Instance/default/web-1"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    desk.commit("First fleet")
    return desk


def applied(desk: Desk) -> str:
    return desk.git("for-each-ref", "--format=%(objectname)", "refs/reconciler").strip()


def test_apply_records_its_commit_as_the_applied_one(desk: Desk) -> None:
    assert desk.run("plan").code == 0
    assert applied(desk) == ""
    assert desk.run("apply").code == 0
    assert applied(desk) == desk.git("rev-parse", "HEAD").strip()
    (note,) = desk.git("for-each-ref", "--format=%(refname)", "refs/notes/reconciler").split()
    assert '"address":"Instance/default/web-1"' in desk.git("notes", "--ref", note, "show", "HEAD")


def test_neither_a_target_nor_a_destroy_counts_as_having_applied_the_commit(desk: Desk) -> None:
    assert desk.run("apply", "--target", "Network/default/lan").code == 0
    assert desk.run("destroy", "--allow", "delete=1").code == 0
    assert applied(desk) == ""
    assert desk.git("for-each-ref", "refs/notes/reconciler")


def test_a_repository_that_cannot_be_written_warns_and_fails_no_apply(desk: Desk) -> None:
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(desk.repo)]
    ran = subprocess.run(
        [*alone, sys.executable, "-m", "reconciler", "apply"],
        cwd=desk.repo,
        env=desk.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("Applied: 4 created; nothing failed.\n")
    assert "run is not recorded in Git" in ran.stderr
    assert "Read-only file system" in ran.stderr
    assert applied(desk) == ""
