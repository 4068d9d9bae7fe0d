"""Writing a run down in Git, and telling when that cannot be done."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostic import Diagnostic, DiagnosticError
from reconciler.plan import Outcome
from reconciler.reconcile import Round, record_round
from reconciler.record import RecordError

_MEANS = (
    "What was done on the hosts stays, and Git does not know of it: `reconciler history` lacks this run, the applied"
    " commit is the one that it was, and consent that commits gave for this is not spent. Mend that; the next run of"
    " the commit is recorded again."
)
_LOCK = ".lock': File exists"


def written(round_: Round, outcomes: Sequence[Outcome], by: str, not_ready: int = 0) -> Diagnostic | None:
    """Write the run down; what is to be told when that cannot be done. Nothing is shown: hosts may be locked."""
    try:
        record_round(round_, round_.plan, outcomes, by, not_ready)
    except (RecordError, DiagnosticError) as problem:
        detail = f"{said(problem)}\n{_MEANS}"
        return Diagnostic(severity="warning", code="not-recorded", summary="run is not recorded in Git", detail=detail)
    return None


def said(problem: Exception) -> str:
    """What went wrong, without the advice of Git's that is for people who edit."""
    words = str(problem).partition("\n\n")[0].rstrip(".")
    left = " If no Git runs there, one that was killed left that file: remove it." if _LOCK in words else ""
    return f"{words}.{left}"
