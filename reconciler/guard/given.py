"""Who else consented: a change that is made by the leave of somebody other than who runs it says whose leave it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from reconciler.diff import Case
from reconciler.guard.allow import Allow
from reconciler.guard.restart import POWER, stays_down
from reconciler.guard.verdict import explain, granted, granted_fields
from reconciler.impact import Impact


def told(case: Case, allow: Allow) -> Case:
    """The case with the givers of the consent that it needed in its reason."""
    givers = list(dict.fromkeys(filter(None, _givers(case, allow)))) if allow.given else []
    return explain(case, f"consented to by {', '.join(givers)}") if givers else case


def _givers(case: Case, allow: Allow) -> Iterator[str]:
    address = case.change.key.address
    for field in granted_fields(case):
        impact = Impact.RESTART if field.path == POWER and _is_left_down(case) else field.impact
        if impact.needs_consent:
            yield allow.givers(partial(Allow.covers, impact=impact, address=address))
    if not granted(case):
        return
    if case.change.action == "create":
        yield allow.givers(lambda part: any(named == address for _, named in part.impacts))
    if case.change.action in ("delete", "replace"):
        yield allow.givers(lambda part: address in part.deletes)
    if case.change.action == "delete" and allow.delete_count is not None:
        yield allow.givers(lambda part: part.delete_count == allow.delete_count)


def _is_left_down(case: Case) -> bool:
    """Whether its restart policy would leave it down: then its start, which harms nobody, has needed the consent."""
    return case.wanted is not None and case.observed is not None and stays_down(case.wanted, case.observed)
