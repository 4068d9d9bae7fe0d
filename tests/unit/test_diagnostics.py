"""Mistaken manifests, one folder each: what a person is told about them, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired import load
from reconciler.diagnostic import Diagnostic
from reconciler.manifest import Blob
from tests.support.golden import Golden

FOLDER = Path(__file__).parents[1] / "golden" / "diagnostics"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def render(diagnostic: Diagnostic) -> str:
    """As plain as can be: the reports of the command line have tests of their own."""
    where = f"{diagnostic.place}: " if diagnostic.place else ""
    lines = [f"{where}{diagnostic.severity} {diagnostic.code}: {diagnostic.summary}", f"    {diagnostic.detail}"]
    if diagnostic.excerpt and diagnostic.place:
        caret = " " * (diagnostic.place.column - 1) + "^" * diagnostic.length
        lines += [f"  | {diagnostic.excerpt}", f"  | {caret}"]
    return "\n".join(lines) + "\n"


def files_of(case: str) -> dict[str, bytes]:
    folder = FOLDER / case
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop("expected.txt", None)
    return files if "fleet.yaml" in files else {**files, "base.yaml": (FOLDER / "base.yaml").read_bytes()}


@pytest.mark.parametrize("case", CASES)
def test_people_are_told_what_is_wrong_and_what_to_do(case: str, golden: Golden) -> None:
    files = files_of(case)
    blobs = [Blob(path, data) for path, data in files.items() if path.endswith(".yaml")]
    _, diagnostics = load(blobs, files.get)
    golden.check(FOLDER / case / "expected.txt", "\n".join(render(diagnostic) for diagnostic in diagnostics))


def test_there_are_at_least_sixty_cases() -> None:
    assert len(CASES) >= 60


def test_what_every_case_builds_on_has_no_mistake() -> None:
    _, diagnostics = load([Blob("base.yaml", (FOLDER / "base.yaml").read_bytes())], lambda path: None)
    assert diagnostics == []
