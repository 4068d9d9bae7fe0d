"""Guests that are down without anybody having asked for it: started again, or left down, as `restartPolicy` says.

Level-based: what counts is how the guest ended, as the hypervisor says or as a mark on the guest remembers. A mark
`ended:guest` is written on a guest that shut down from within, because hypervisors forget why one is off.
"""

from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler.diff import Case, Pair, reason_of
from reconciler.guard.allow import Allow, words
from reconciler.guard.verdict import judge_fields, strictest
from reconciler.impact import Impact
from reconciler.objects import ENDED_BY_GUEST, STARTING, Ended, Observed, Wanted, digest
from reconciler.plan import Change, FieldChange, Granted, Waiting

POWER = "powerState"
_RUNNING = "Running"
_NOTED = "it shut down from within; that is noted on it, so that it stays down"


def ended(observed: Observed) -> Ended:
    """How a guest that is down came to its end: what the hypervisor knows, else what was noted."""
    if observed.ended in ("", "unknown") and ENDED_BY_GUEST in observed.guards:
        return "guest"
    return observed.ended


def stays_down(wanted: Wanted, observed: Observed) -> bool:
    """Whether a guest that is to run is down, and its restart policy leaves it so: it ran since it was last asked to,
    and `Never`, or `OnCrash` and it shut down from within. One whose start was asked for and not seen is started.
    """
    if wanted.restart == "Always" or not _ended_by_itself(wanted, observed):
        return False
    return wanted.restart == "Never" or ended(observed) == "guest"


def _ended_by_itself(wanted: Wanted, observed: Observed) -> bool:
    """What was last applied is that it runs: else the commit starts it."""
    is_down = observed.running is None and not observed.incomplete and observed.stored.get(POWER) == "Stopped"
    asked = observed.owned.get(POWER) == digest(_RUNNING) and STARTING not in observed.guards
    return wanted.fields.get(POWER) == _RUNNING and is_down and asked


def noted(pair: Pair, allow: Allow) -> Pair:
    """The pair, where the mark on a guest that shut down from within, and that nobody starts, is wanted as well."""
    wanted, observed = pair
    if wanted is None or observed is None or not stays_down(wanted, observed):
        return pair
    if ended(observed) != "guest" or _consented(wanted.key.address, allow):
        return pair
    return msgspec.structs.replace(wanted, guards=(*wanted.guards, ENDED_BY_GUEST)), observed


def is_left_down(case: Case, allow: Allow) -> bool:
    """Whether a case is about a guest that is left down."""
    if case.wanted is None or case.observed is None or _consented(case.change.key.address, allow):
        return False
    return stays_down(case.wanted, case.observed)


def withheld(case: Case, allow: Allow) -> Case:
    """Only consent that is given to the run starts a guest that is left down: its `updatePolicy` is about changes."""
    if not is_left_down(case, allow):
        return case
    waits = Waiting(words(Impact.RESTART, case.change.key.address))
    return judge_fields(case, lambda field: waits if field.path == POWER else Granted())


def _consented(address: Address, allow: Allow) -> bool:
    return allow.covers(Impact.RESTART, address)


def without_start(change: Change) -> Change:
    """The change of a guest that is left down as people see it: that it is down is no change."""
    others = tuple(field for field in change.fields if field.path != POWER)
    notes_only = all(map(_notes, others))
    fields = others if notes_only else tuple(map(_explained, others))
    by_harm = sorted(fields, key=lambda field: -field.impact.rank)
    return msgspec.structs.replace(
        change,
        fields=fields,
        impact=by_harm[0].impact if by_harm else Impact.NONE,
        consent=strictest(field.consent for field in by_harm),
        reason=_NOTED if notes_only else reason_of(fields),
    )


def _explained(field: FieldChange) -> FieldChange:
    return msgspec.structs.replace(field, reason=_NOTED) if _notes(field) else field


def _notes(field: FieldChange) -> bool:
    """Whether a field comes to have the mark."""
    before, after = (value if isinstance(value, tuple) else () for value in (field.before, field.after))
    return field.path == "guards" and ENDED_BY_GUEST in set(after) - set(before)
