"""Shell completion: addresses, kinds and fields, without anything that makes it slow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Desk

HEAVY = ("git", "networkx", "jsonschema", "rich", "libvirt")
ASK = f"""
import sys
from reconciler.cli.program import run
try:
    run([])
except SystemExit:
    pass
print("heavy:", [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


UNFINISHED = """\
kind: Instance
metadata:
  # who
  project: shop
  name: 'db-1'
---
metadata: {name: db-2}
kind: Instance
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    (desk.repo / "more.yaml").write_text(UNFINISHED, encoding="utf-8")
    (desk.repo / ".hidden.yaml").write_text("kind: Instance\nmetadata: {name: hidden}\n", encoding="utf-8")
    return desk


def completed(desk: Desk, *words: str) -> list[str]:
    """What a shell is offered for the last word."""
    asked = {
        "_RECONCILER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("reconciler", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=desk.repo,
        env=desk.environment | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "heavy: []\n"
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_addresses_come_from_the_manifests_even_from_unfinished_ones(desk: Desk) -> None:
    every = ["Instance/default/db-2", "Instance/default/web-1", "Instance/shop/db-1"]
    assert completed(desk, "describe", "Instance/") == every
    assert completed(desk, "ssh", "instance/shop/") == ["Instance/shop/db-1"]
    assert completed(desk, "plan", "--target", "Flavor/") == ["Flavor/small"]


def test_kinds_come_before_addresses(desk: Desk) -> None:
    assert completed(desk, "describe", "In") == ["Instance/"]
    assert completed(desk, "get", "Vol") == ["Volume"]
    assert completed(desk, "schema", "Vol") == ["Volume"]


def test_fields_and_codes_are_explained(desk: Desk) -> None:
    assert "Instance.networks.address" in completed(desk, "explain", "Instance.net")
    assert completed(desk, "explain", "unknown-r") == ["unknown-reference", "unknown-revision"]


def test_commands_and_formats_are_completed(desk: Desk) -> None:
    assert completed(desk, "des") == ["destroy", "describe"]
    assert completed(desk, "graph", "-o", "") == ["text", "dot", "mermaid"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(desk: Desk, shell: str) -> None:
    ran = desk.run(_RECONCILER_COMPLETE=f"{shell}_source")
    assert ran.code == 0, ran.err
    assert "_RECONCILER_COMPLETE" in ran.out
