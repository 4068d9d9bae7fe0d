"""`fmt` through the command line."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Desk

UNTIDY = """\
# The size of everything.
kind: Flavor
apiVersion: reconciler/v1
spec:
    disk:   1Gi   # thin
    # What it gets.
    memory: 512Mi
    vcpus: 1
metadata: {name: small}
"""
TIDY = """\
# The size of everything.
apiVersion: reconciler/v1
kind: Flavor
metadata: {name: small}
spec:
  vcpus: 1
  # What it gets.
  memory: 512Mi
  disk: 1Gi  # thin
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    (desk.repo / "flavors.yaml").write_text(UNTIDY, encoding="utf-8")
    return desk


def text(desk: Desk) -> str:
    return (desk.repo / "flavors.yaml").read_text(encoding="utf-8")


def test_what_init_writes_is_in_canonical_form(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    ran = desk.run("fmt", "--check", "--diff")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_fields_get_their_order_and_comments_go_with_them(desk: Desk) -> None:
    (desk.repo / "flavors.yaml").chmod(0o640)
    ran = desk.run("fmt")
    assert (ran.code, ran.out, ran.err) == (0, "flavors.yaml\n", "")
    assert text(desk) == TIDY
    assert stat.S_IMODE((desk.repo / "flavors.yaml").stat().st_mode) == 0o640
    again = desk.run("fmt")
    assert (again.code, again.out) == (0, "")


def test_check_and_diff_write_nothing(desk: Desk) -> None:
    checked = desk.run("fmt", "--check")
    assert (checked.code, checked.out) == (2, "flavors.yaml\n")
    shown = desk.run("fmt", "--diff")
    assert shown.code == 0
    assert "-    vcpus: 1\n" in shown.out
    assert "+  vcpus: 1\n" in shown.out
    assert text(desk) == UNTIDY


def test_a_file_with_mistakes_is_told_and_left_and_the_others_are_formatted(desk: Desk) -> None:
    mistaken = "kind: Flavor\napiVersion: reconciler/v1\nmetadata: {name: other}\nspec: {vcpu: 1}\n"
    (desk.repo / "other.yaml").write_text(mistaken, encoding="utf-8")
    ran = desk.run("fmt")
    assert (ran.code, ran.out) == (1, "flavors.yaml\n")
    assert "Did you mean `vcpus`?" in ran.err
    assert "[unknown-field]" in ran.err
    assert (desk.repo / "other.yaml").read_text(encoding="utf-8") == mistaken


def test_files_and_folders_can_be_named_and_need_no_repository(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    folder = desk.home / "loose"
    folder.mkdir()
    (folder / "a.yaml").write_text(UNTIDY, encoding="utf-8")
    (folder / ".hidden.yaml").write_text(UNTIDY, encoding="utf-8")
    ran = desk.run("fmt", "loose", cwd=desk.home)
    assert (ran.code, ran.out) == (0, "loose/a.yaml\n")
    assert (folder / "a.yaml").read_text(encoding="utf-8") == TIDY
    assert (folder / ".hidden.yaml").read_text(encoding="utf-8") == UNTIDY


def test_links_are_not_followed(desk: Desk) -> None:
    (desk.repo / "link.yaml").symlink_to("flavors.yaml")
    ran = desk.run("fmt", "link.yaml")
    assert ran.code == 64
    assert "symbolic link" in ran.err
    assert (desk.repo / "link.yaml").is_symlink()


def test_standard_input_goes_to_standard_output(desk: Desk) -> None:
    command = [sys.executable, "-m", "reconciler", "fmt", "-"]
    done = subprocess.run(
        command, input=UNTIDY, capture_output=True, text=True, check=True, env=desk.environment, cwd=desk.repo
    )
    assert done.stdout == TIDY


def test_a_line_end_of_another_system_becomes_ours(desk: Desk) -> None:
    (desk.repo / "flavors.yaml").write_bytes(b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode())
    assert desk.run("fmt").out == "flavors.yaml\n"
    assert (desk.repo / "flavors.yaml").read_bytes() == TIDY.encode()
