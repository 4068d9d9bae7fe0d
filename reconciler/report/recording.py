"""Writing a run down in Git, and telling when that cannot be done."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostic import Diagnostic, DiagnosticError
from reconciler.plan import Outcome
from reconciler.reconcile import Round, record_round
from reconciler.record import RecordError


def written(round_: Round, outcomes: Sequence[Outcome], by: str, not_ready: int = 0) -> Diagnostic | None:
    """Write the run down; what is to be told when that cannot be done. Nothing is shown: hosts may be locked."""
    try:
        record_round(round_, round_.plan, outcomes, by, not_ready)
    except (RecordError, DiagnosticError) as problem:
        detail = f"{problem}. The hosts are as told above; only `reconciler history` does not know of this run."
        return Diagnostic(severity="warning", code="not-recorded", summary="run is not recorded in Git", detail=detail)
    return None
