"""How verdicts on an object and on its fields combine: the strictest counts, and fields are judged one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from reconciler.diff import Case
from reconciler.plan import Consent, FieldChange, Granted, Refused, Waiting

_STRICTNESS: dict[type, int] = {Granted: 0, Waiting: 1, Refused: 2}


def strictest(consents: Iterable[Consent]) -> Consent:
    """Refused before waiting before granted; the first of equals."""
    return max(consents, key=lambda each: _STRICTNESS[type(each)], default=Granted())


def judge_object(case: Case, consent: Consent) -> Case:
    """The case with a verdict on all of it."""
    return judge_fields(_with(case, strictest([case.change.consent, consent])), lambda field: consent)


def judge_fields(case: Case, judge: Callable[[FieldChange], Consent]) -> Case:
    """An update with a verdict on each field; the change as a whole shows the strictest, by the greatest impact."""
    if case.change.action not in ("update", "replace"):
        return case
    fields = tuple(
        msgspec.structs.replace(field, consent=strictest([field.consent, judge(field)])) for field in case.change.fields
    )
    by_harm = sorted(fields, key=lambda field: -field.impact.rank)
    consent = strictest(field.consent for field in by_harm)
    return msgspec.structs.replace(case, change=msgspec.structs.replace(case.change, fields=fields, consent=consent))


def _with(case: Case, consent: Consent) -> Case:
    return msgspec.structs.replace(case, change=msgspec.structs.replace(case.change, consent=consent))


def explain(case: Case, clause: str) -> Case:
    """The case with one more clause in its reason."""
    return because(case, "; ".join(filter(None, [case.change.reason, clause])))


def because(case: Case, reason: str) -> Case:
    """The case with another reason."""
    return msgspec.structs.replace(case, change=msgspec.structs.replace(case.change, reason=reason))


def granted(case: Case) -> bool:
    """Whether all of the change may be made."""
    return isinstance(case.change.consent, Granted)


def granted_fields(case: Case) -> tuple[FieldChange, ...]:
    """The fields of an update that may change."""
    return tuple(field for field in case.change.fields if isinstance(field.consent, Granted))


def ungranted_fields(case: Case) -> tuple[FieldChange, ...]:
    """The fields of an update that stay as they are."""
    return tuple(field for field in case.change.fields if not isinstance(field.consent, Granted))
