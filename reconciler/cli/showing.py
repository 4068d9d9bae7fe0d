"""Showing a plan, or why there is none, in the formats that were asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.diagnostic import Diagnostic
from reconciler.plan import Plan
from reconciler.report.screen import Screen

_SUMMARY = "GITHUB_STEP_SUMMARY"


def show_plan(screen: Screen, plan: Plan, output: str, also: Mapping[str, Path] | None = None) -> None:
    """Data, on standard output; and in other formats in files. Raises `OSError`."""
    from reconciler.report.plan_text import plan_lines

    _write(also, lambda other: _plan_in(plan, other))
    if output == "text":
        screen.show(plan_lines(plan))
    else:
        screen.show_text(_plan_in(plan, output))


def show_mistakes(
    screen: Screen, mistakes: tuple[Diagnostic, ...], output: str, also: Mapping[str, Path] | None = None
) -> None:
    """What keeps a commit from being planned, where a check shows it; nothing for people at a terminal, whom the end
    of the command tells. Raises `OSError`.
    """
    _write(also, lambda other: _mistakes_in(mistakes, other))
    if output != "text" and (text := _mistakes_in(mistakes, output)):
        screen.show_text(text)


def _write(also: Mapping[str, Path] | None, text_in: Callable[[str], str]) -> None:
    """No file is made for a format that has nothing to say."""
    from reconciler.cli.writing import write_whole

    for output, path in (also or {}).items():
        if text := text_in(output):
            write_whole(path, text.encode("utf-8", "backslashreplace"))


def _plan_in(plan: Plan, output: str) -> str:
    from reconciler.report.data import dump
    from reconciler.report.findings import plan_findings
    from reconciler.report.github import github_log
    from reconciler.report.gitlab import codequality_value, terraform_value
    from reconciler.report.harmless import neutral_text
    from reconciler.report.line import plain
    from reconciler.report.markdown import plan_markdown
    from reconciler.report.plan_json import plan_value
    from reconciler.report.plan_text import plan_lines
    from reconciler.report.sarif import sarif_value

    match output:
        case "json":
            return dump(plan_value(plan))
        case "markdown":
            return plan_markdown(plan)
        case "github":
            _summarise(plan_markdown(plan))
            return github_log(plan_findings(plan), plan_lines(plan))
        case "sarif":
            return dump(sarif_value(plan_findings(plan)))
        case "gitlab-terraform":
            return dump(terraform_value(plan))
        case "gitlab-codequality":
            return dump(codequality_value(plan_findings(plan)))
        case _:
            return neutral_text(plain(plan_lines(plan)))


def _mistakes_in(mistakes: tuple[Diagnostic, ...], output: str) -> str:
    """Empty where the format has nothing to say of them."""
    from reconciler.report.data import dump
    from reconciler.report.diagnostics import diagnostics_lines
    from reconciler.report.findings import diagnostic_findings
    from reconciler.report.github import github_log
    from reconciler.report.gitlab import codequality_value
    from reconciler.report.harmless import neutral_text
    from reconciler.report.line import plain
    from reconciler.report.markdown import failure_markdown
    from reconciler.report.plan_json import diagnostic_value
    from reconciler.report.sarif import sarif_value

    match output:
        case "json":
            return dump({"formatVersion": 1, "diagnostics": [diagnostic_value(each) for each in mistakes]})
        case "text":
            return neutral_text(plain(diagnostics_lines(mistakes)))
        case "markdown":
            return failure_markdown(mistakes)
        case "github":
            _summarise(failure_markdown(mistakes))
            return github_log(diagnostic_findings(mistakes), diagnostics_lines(mistakes))
        case "sarif":
            return dump(sarif_value(diagnostic_findings(mistakes)))
        case "gitlab-codequality":
            return dump(codequality_value(diagnostic_findings(mistakes)))
        case _:
            return ""


def _summarise(markdown: str) -> None:
    """Add to the job's summary, where a runner says which file it is."""
    if path := os.environ.get(_SUMMARY):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(markdown)
