"""Every example is a complete desired state: it validates, is in canonical form, and runs on the simulator."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.command import Desk

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def examples() -> list[Path]:
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


def manifests() -> list[Path]:
    return [path for example in examples() for path in sorted(example.rglob("*.yaml"))]


@pytest.fixture(params=examples(), ids=lambda path: path.name)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    """A user with a committed copy of an example."""
    desk = Desk(tmp_path)
    shutil.copytree(request.param, desk.repo)
    desk.git("init", "--quiet", "--initial-branch=main")
    desk.commit("First fleet")
    return desk


def test_an_example_becomes_a_world_and_goes_again(desk: Desk) -> None:
    for command in (["validate"], ["fmt", "--check"], ["plan"], ["apply"]):
        ran = desk.run(*command)
        assert ran.code == 0, ran.out + ran.err
    planned = desk.run("plan", "--detailed-exitcode", "-o", "json")
    assert planned.code == 0, planned.out
    assert planned.value["summary"]["unchanged"] > 0
    objects = desk.run("destroy", "--allow", "delete=0", "-o", "json").value["plan"]["summary"]["delete"]
    assert objects > 0
    assert desk.run("destroy", "--allow", f"delete={objects}").code == 0
    assert desk.run("destroy", "--allow", "delete=0", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("path", manifests(), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_an_editor_finds_the_schema_of_every_manifest(path: Path) -> None:
    text = path.read_text()
    modeline = MODELINE.match(text)
    assert modeline, "the first line names the schema"
    assert (path.parent / modeline[1]).is_file()
    kinds = {kind.lower() for kind in re.findall(r"^kind: (\w+)$", text, re.MULTILINE)}
    assert kinds == {Path(modeline[1]).stem}
