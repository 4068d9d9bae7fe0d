"""The record of what was applied, told through the command line alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.command import Desk

WEB = "Instance/default/web-1"


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


def test_the_history_joins_the_log_with_what_each_run_did(desk: Desk) -> None:
    first = desk.git("rev-parse", "HEAD").strip()
    assert desk.run("apply").code == 0
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    second = desk.commit("More memory")
    assert desk.run("apply", "--allow", f"restart={WEB}").code == 0
    (desk.repo / "notes.txt").write_text("For people.\n", encoding="ascii")
    third = desk.commit("Nothing for a host")
    text = desk.run("history").out
    assert [line.partition("  ")[0] for line in text.splitlines() if line[0] != " "] == [
        each[:12] for each in (third, second, first)
    ]
    assert "A: Nothing for a host\n  no run recorded\n" in text
    assert "A: More memory  (applied)\n" in text
    assert ": 1 updated\n" in text
    assert ": 4 created\n" in text
    value = desk.run("history", "-o", "json").value
    assert (value["applied"], [each["recorded"] for each in value["commits"]]) == (second, [False, True, True])
    assert [step["address"] for run in value["commits"][1]["runs"] for step in run["steps"]] == [WEB]


def test_the_history_of_a_resource_is_what_changed_its_manifest_and_what_touched_it(desk: Desk) -> None:
    first = desk.git("rev-parse", "HEAD").strip()
    assert desk.run("apply").code == 0
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    second = desk.commit("More memory")
    assert desk.run("apply", "--allow", f"restart={WEB}").code == 0
    desk.edit("instances.yaml", "kind: Instance", "# A comment changes nothing.\nkind: Instance")
    desk.commit("Comment")
    flavor = desk.run("history", "flavor/small", "-o", "json").value["commits"]
    assert [(each["commit"], each["changed"], each["runs"]) for each in flavor] == [
        (second, True, []),
        (first, True, []),
    ]
    web = desk.run("history", WEB, "-o", "json").value["commits"]
    assert [(each["commit"], each["changed"], len(each["runs"])) for each in web] == [
        (second, False, 1),
        (first, True, 1),
    ]
    assert desk.run("history", "instance/nope").out == (
        "No commit and no recorded run is about Instance/default/nope.\n"
    )


def test_a_clone_has_no_record_and_is_told_how_to_have_it(desk: Desk, tmp_path: Path) -> None:
    assert "Nothing was applied from this repository yet" in desk.run("history").err
    assert desk.run("apply", "--target", "Network/default/lan").code == 0
    clone = tmp_path / "clone"
    desk.git("clone", "--quiet", str(desk.repo), str(clone))
    told = desk.run("history", cwd=clone)
    assert "no run recorded" in told.out
    assert "This clone has no record" in told.err
    command = told.err.splitlines()[-1]
    subprocess.run(command, shell=True, cwd=clone, env=desk.environment, check=True, capture_output=True)
    again = desk.run("history", cwd=clone)
    assert "of some resources, 1 created" in again.out
    assert again.err == ""
    assert desk.run("history", WEB, cwd=clone).err == ""


def test_what_a_stranger_wrote_into_a_commit_is_harmless_in_the_history(desk: Desk) -> None:
    desk.git("-c", "user.name=\x1b[31mEve", "commit", "--allow-empty", "-qm", "\x1b]52;c;ZXZpbA==\x07 hi")
    text = desk.run("history")
    assert text.code == 0
    assert "\x1b" not in text.out + desk.run("history", "-o", "json").out
    assert "hi\n" in text.out


def test_a_record_that_is_damaged_is_told_and_not_taken_for_none(desk: Desk) -> None:
    assert desk.run("apply").code == 0
    (note,) = desk.git("for-each-ref", "--format=%(refname)", "refs/notes/reconciler").split()
    blob = desk.git("ls-tree", "-r", "--format=%(objectname)", note).strip()
    file = desk.repo / ".git" / "objects" / blob[:2] / blob[2:]
    file.unlink()
    ran = desk.run("history")
    assert (ran.code, ran.out) == (1, "")
    assert "record cannot be read from Git" in ran.err
