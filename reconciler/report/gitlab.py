"""Report artifacts of GitLab: the counts that its merge request widget shows, and findings as code quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.plan import Plan
from reconciler.report.findings import Finding, bounded
from reconciler.report.grouping import summarise

SEVERITIES = {"error": "critical", "warning": "major", "note": "info"}
"""GitLab's words for the levels of findings."""
NOWHERE = "."
"""A code quality finding must have a path; this stands for the repository."""


def terraform_value(plan: Plan) -> dict[str, int]:
    """For `artifacts:reports:terraform`: what is replaced is deleted and made anew."""
    counts = summarise(plan)
    return {
        "create": counts.create + counts.replace,
        "update": counts.update,
        "delete": counts.delete + counts.replace,
    }


def codequality_value(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """For `artifacts:reports:codequality`."""
    return [
        {
            "description": f"{each.title}: {each.message}",
            "check_name": each.rule,
            "fingerprint": each.fingerprint,
            "severity": SEVERITIES[each.level],
            "location": {
                "path": each.place.path if each.place else NOWHERE,
                "lines": {"begin": (each.place.line if each.place else 0) or 1},
            },
        }
        for each in bounded(findings)
    ]
