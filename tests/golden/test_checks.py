"""What a check of a pull request shows, as documentation: each folder has two commits' manifests, and every format."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler.comparison import between
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.manifest import Blob
from reconciler.plan import Plan, Source
from reconciler.report.data import dump
from reconciler.report.findings import diagnostic_findings, plan_findings
from reconciler.report.github import github_log
from reconciler.report.gitlab import codequality_value, terraform_value
from reconciler.report.markdown import failure_markdown, plan_markdown
from reconciler.report.plan_text import plan_lines
from reconciler.report.sarif import sarif_value
from tests.support.golden import Golden

CASES = Path(__file__).parent / "checks"
NAMES = sorted(path.name for path in CASES.iterdir() if (path / "head.yaml").exists())
HOSTILE = "a`b|@org ::error::<x>\n##[x],c:d%.yaml"
"""A file's name may hold anything."""


@pytest.mark.parametrize("case", NAMES)
def test_a_check_shows_what_was_read(case: str, golden: Golden) -> None:
    folder, plan = CASES / case, planned_in(CASES / case)
    findings = plan_findings(plan)
    golden.check(folder / "comment.md", plan_markdown(plan))
    golden.check(folder / "github.txt", github_log(findings, plan_lines(plan)))
    golden.check(folder / "sarif.json", dump(sarif_value(findings)))
    golden.check(folder / "gitlab-terraform.json", dump(terraform_value(plan)))
    golden.check(folder / "gitlab-codequality.json", dump(codequality_value(findings)))


def test_a_commit_with_mistakes_is_shown_with_their_places(golden: Golden) -> None:
    text = 'apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: "@org <b>`|"}\nspec: {"::error::": 1}\n'
    _, mistakes = load([Blob(path=HOSTILE, data=text.encode())], lambda file: None)
    findings = diagnostic_findings(mistakes)
    golden.check(CASES / "mistakes.md", failure_markdown(mistakes))
    golden.check(CASES / "mistakes.github.txt", github_log(findings, []))
    golden.check(CASES / "mistakes.sarif.json", dump(sarif_value(findings)))


def planned_in(folder: Path) -> Plan:
    """The plan from one commit to the other; the hostile one also has a hostile file name."""
    plan = between(read(folder / "base.yaml"), read(folder / "head.yaml"), Source(commit="c0ffee", base="decaf"))
    if "hostile" not in folder.name:
        return plan
    changes = tuple(
        msgspec.structs.replace(each, place=msgspec.structs.replace(each.place, path=HOSTILE)) if each.place else each
        for each in plan.changes
    )
    return msgspec.structs.replace(plan, changes=changes)


def read(path: Path) -> Desired:
    found, diagnostics = load([Blob(path=path.name, data=path.read_bytes())], lambda file: None)
    assert not failed(diagnostics), diagnostics
    return found
