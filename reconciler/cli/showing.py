"""Showing a plan, or why there is none, in the format that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.diagnostic import Diagnostic
from reconciler.plan import Plan
from reconciler.report.screen import Screen

_SUMMARY = "GITHUB_STEP_SUMMARY"


def show_plan(screen: Screen, plan: Plan, output: str) -> None:
    """Data, on standard output."""
    from reconciler.report.data import dump
    from reconciler.report.plan_json import plan_value
    from reconciler.report.plan_text import plan_lines

    if output == "json":
        screen.show_text(dump(plan_value(plan)))
    elif output == "text":
        screen.show(plan_lines(plan))
    else:
        screen.show_text(_for_a_check(plan, output))


def show_mistakes(screen: Screen, mistakes: tuple[Diagnostic, ...], output: str) -> None:
    """What keeps a commit from being planned, where a check shows it; nothing for people at a terminal, whom the end
    of the command tells.
    """
    from reconciler.report.data import dump
    from reconciler.report.diagnostics import diagnostics_lines
    from reconciler.report.findings import diagnostic_findings
    from reconciler.report.github import github_log
    from reconciler.report.gitlab import codequality_value
    from reconciler.report.markdown import failure_markdown
    from reconciler.report.sarif import sarif_value

    findings = diagnostic_findings(mistakes)
    if output == "markdown":
        screen.show_text(failure_markdown(mistakes))
    elif output == "github":
        _summarise(failure_markdown(mistakes))
        screen.show_text(github_log(findings, diagnostics_lines(mistakes)))
    elif output == "sarif":
        screen.show_text(dump(sarif_value(findings)))
    elif output == "gitlab-codequality":
        screen.show_text(dump(codequality_value(findings)))


def _for_a_check(plan: Plan, output: str) -> str:
    from reconciler.report.data import dump
    from reconciler.report.findings import plan_findings
    from reconciler.report.github import github_log
    from reconciler.report.gitlab import codequality_value, terraform_value
    from reconciler.report.markdown import plan_markdown
    from reconciler.report.plan_text import plan_lines
    from reconciler.report.sarif import sarif_value

    if output == "markdown":
        return plan_markdown(plan)
    if output == "github":
        _summarise(plan_markdown(plan))
        return github_log(plan_findings(plan), plan_lines(plan))
    if output == "gitlab-terraform":
        return dump(terraform_value(plan))
    findings = plan_findings(plan)
    return dump(sarif_value(findings) if output == "sarif" else codequality_value(findings))


def _summarise(markdown: str) -> None:
    """Add to the job's summary, where a runner says which file it is."""
    if path := os.environ.get(_SUMMARY):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(markdown)
