"""The documentation says what is so: its commands work as written, and its tables leave nothing out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from reconciler.cli.program import COMMANDS
from reconciler.kinds import REGISTRY
from reconciler.trust.fields import FleetTrust
from reconciler_libvirt.settings import Settings
from tests.support.command import Desk

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_quickstart_page_works_as_written(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "reconciler").write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n', encoding="ascii")
    (programs / "reconciler").chmod(0o755)
    shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "examples" / "quickstart")
    *blocks, last = BLOCK.findall(text("docs/examples/quickstart.md"))
    assert last.startswith("reconciler destroy")
    done = subprocess.run(
        ["bash", "-ex"],
        input="".join(blocks),
        cwd=tmp_path,
        env=desk.environment | {"PATH": f"{programs}:{desk.environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan: 6 to create; 0 unchanged." in done.stdout
    assert "Nothing to do: 6 objects are as desired." in done.stdout
    assert "waits for consent: --allow restart=Instance/default/web-1" in done.stdout
    assert done.stdout.rstrip().endswith("No drift.")


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `([a-z]+)", text("README.md"), re.MULTILINE)
    assert sorted(COMMANDS) == sorted(set(listed) & set(COMMANDS))


def test_the_manifest_page_lists_every_kind() -> None:
    listed = re.findall(r"^\| ([A-Z]\w+) \|", text("docs/manifests.md"), re.MULTILINE)
    assert sorted(listed) == sorted(REGISTRY)


def test_the_index_of_decisions_lists_each_one_by_its_number() -> None:
    listed = re.findall(r"^- \[(\d+)\. (.+)\]\((.+)\)$", text("docs/decisions/README.md"), re.MULTILINE)
    pages = {path.name: path for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    assert sorted(name for _, _, name in listed) == sorted(pages)
    for number, title, name in listed:
        assert name.startswith(f"{int(number):04}-")
        assert pages[name].read_text(encoding="utf-8").startswith(f"# {number}. {title}\n")


@pytest.mark.parametrize("settings", [FleetTrust, Settings], ids=["fleet", "libvirt"])
def test_the_trusted_configuration_is_documented_field_by_field(settings: type[msgspec.Struct]) -> None:
    page = text("docs/trusted-configuration.md")
    missing = [field.encode_name for field in msgspec.structs.fields(settings) if f"`{field.encode_name}`" not in page]
    assert missing == []


@pytest.mark.parametrize(
    "page", ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
)
def test_no_link_leads_nowhere(page: str) -> None:
    broken = [link for link in LINK.findall(text(page)) if not ((ROOT / page).parent / link).exists()]
    assert broken == []
