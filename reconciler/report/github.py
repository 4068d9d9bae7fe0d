"""A plan in the log of a GitHub workflow: annotations at the lines that they are about, and the plan, folded.

Annotations are workflow commands. Everything else that is printed is a line of data that is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.report.findings import Finding
from reconciler.report.harmless import command, neutral
from reconciler.report.line import Line, plain

NAMES = {"error": "error", "warning": "warning", "note": "notice"}
"""GitHub's words for the levels of findings."""
MOST_CHARACTERS = 4_000
"""Of one annotation's message."""


def github_log(findings: Sequence[Finding], lines: Iterable[Line]) -> str:
    """What goes to standard output. GitHub shows the first ten annotations of each level: the log has them all."""
    commands = [_annotation(each) for each in findings]
    shown = [neutral(text) for text in plain(lines).splitlines()]
    return "\n".join([*commands, "::group::Plan", *shown, "::endgroup::"]) + "\n"


def _annotation(finding: Finding) -> str:
    place = finding.place
    at: dict[str, str | int] = {"file": place.path, "line": place.line, "col": place.column} if place else {}
    title = f"{finding.title} [{finding.rule}]"
    return command(NAMES[finding.level], finding.message[:MOST_CHARACTERS], **at, title=title)
