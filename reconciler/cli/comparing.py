"""`plan --base` and `--observed`: what is read there may be a stranger's, so another process does it
(`reconciler.apart`).
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import options
from reconciler.cli.naming import enclosing_repository

if TYPE_CHECKING:
    from reconciler.plan import Plan


def compared(values: dict[str, Any], base: str) -> Plan:
    """The plan for the source that the options name, on hosts as `base` declares them. Raises `DiagnosticError`."""
    return _asked(values, base=os.fsencode(base))


def against(values: dict[str, Any], where: str, signers: Path | None, signer: str) -> Plan:
    """The same on hosts as a published observation shows them. Raises `DiagnosticError`."""
    from reconciler.apart.question import Shown

    believed = None if signers is None else os.fsencode(signers)
    return _asked(values, shown=Shown(where=os.fsencode(where), signers=believed, signer=signer))


def _asked(values: dict[str, Any], **what: Any) -> Plan:
    from reconciler.apart import Apart

    repo = values["repo"] or enclosing_repository()
    with Apart() as process:  # it imports while we do
        from reconciler.apart.question import Question

        rev = values["rev"]
        question = Question(
            repo=os.fsencode(repo),
            path=os.fsencode(values["path"]),
            rev=None if rev is None else os.fsencode(rev),
            **what,
            allow=options.consents(values["allow"]),
            targets=tuple(values["targets"]),
        )
        _import_reports()
        return process.compare(question)


def _import_reports() -> None:
    """What will show the plan, while it is made."""
    for each in ("plan_json", "plan_text"):
        import_module(f"reconciler.report.{each}")
