"""`plan --base`: what is read there may be a stranger's, so another process does it (`reconciler.apart`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from reconciler.cli import options
from reconciler.cli.naming import enclosing_repository

if TYPE_CHECKING:
    from reconciler.plan import Plan


def compared(values: dict[str, Any], base: str) -> Plan:
    """The plan for the source that the options name, on hosts as `base` declares them. Raises `DiagnosticError`."""
    from reconciler.apart import Apart

    repo = values["repo"] or enclosing_repository()
    with Apart() as process:  # it imports while we do
        from reconciler.apart.question import Question

        rev = values["rev"]
        question = Question(
            repo=os.fsencode(repo),
            path=os.fsencode(values["path"]),
            rev=None if rev is None else os.fsencode(rev),
            base=os.fsencode(base),
            allow=options.consents(values["allow"]),
            targets=tuple(values["targets"]),
        )
        _import_reports()
        return process.compare(question)


def _import_reports() -> None:
    """What will show the plan, while it is made."""
    import reconciler.report.plan_json
    import reconciler.report.plan_text  # noqa: F401
