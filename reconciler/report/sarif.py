"""Findings as SARIF 2.1.0, as code scanning reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from reconciler import __version__
from reconciler.report.codes import meanings
from reconciler.report.findings import RULES, Finding, bounded

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
SUCCESSFUL = frozenset({"note", "warning"})


def sarif_value(findings: Sequence[Finding]) -> dict[str, Any]:
    """The log. Code scanning refuses results without a place, so those are notifications of the run."""
    findings = bounded(findings)
    rules = sorted({each.rule for each in findings})
    placed = [each for each in findings if each.place]
    elsewhere = [each for each in findings if not each.place]
    driver = {"name": "reconciler", "version": __version__, "rules": [_rule(rule) for rule in rules]}
    invocation = {
        "executionSuccessful": all(each.level in SUCCESSFUL for each in elsewhere),
        "toolExecutionNotifications": [_notification(each) for each in elsewhere],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(each, rules) for each in placed],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: str) -> dict[str, Any]:
    means = RULES.get(rule) or (meanings()[rule].means if rule in meanings() else rule)
    return {"id": rule, "shortDescription": {"text": means}}


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": {"text": _text(finding)},
        "locations": [{"physicalLocation": _location(finding)}],
        "partialFingerprints": {"reconciler/v1": finding.fingerprint},
    }


def _location(finding: Finding) -> dict[str, Any]:
    assert finding.place is not None
    region = {"startLine": finding.place.line or 1}
    column = {"startColumn": finding.place.column} if finding.place.column else {}
    uri = quote(finding.place.path.encode("utf-8", "backslashreplace"))
    return {"artifactLocation": {"uri": uri}, "region": {**region, **column}}


def _notification(finding: Finding) -> dict[str, Any]:
    return {"descriptor": {"id": finding.rule}, "level": finding.level, "message": {"text": _text(finding)}}


def _text(finding: Finding) -> str:
    return f"{finding.title}: {finding.message}"
