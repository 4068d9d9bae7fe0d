"""Writing a run down in Git, and telling when that cannot be done."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostic import Diagnostic, DiagnosticError
from reconciler.plan import Outcome
from reconciler.reconcile import Round, record_round
from reconciler.record import RecordError
from reconciler.report.diagnostics import diagnostic_lines
from reconciler.report.screen import Screen


def written(round_: Round, outcomes: Sequence[Outcome], by: str) -> Diagnostic | None:
    """Write the run down; what is to be told when that cannot be done. Nothing is shown: hosts may be locked."""
    try:
        record_round(round_, round_.plan, outcomes, by)
    except (RecordError, DiagnosticError) as problem:
        detail = f"{problem}. The hosts are as told above; only `reconciler history` does not know of this run."
        return Diagnostic(severity="warning", code="not-recorded", summary="run is not recorded in Git", detail=detail)
    return None


def write_down(round_: Round, outcomes: Sequence[Outcome], by: str, screen: Screen) -> None:
    """Write the run down. What was done is done: that it cannot be written down is told, and changes nothing else."""
    if told := written(round_, outcomes, by):
        screen.warn(diagnostic_lines(told))
