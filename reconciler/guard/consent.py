"""Consent: a change that a guest's user would notice waits for the words that allow it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.address import Address
from reconciler.diff import Case
from reconciler.guard.allow import CONSENTABLE, Allow, words
from reconciler.guard.verdict import explain, judge_fields, judge_object
from reconciler.impact import Impact
from reconciler.kinds.instance import ALLOW
from reconciler.plan import Consent, FieldChange, Granted, Refused, Waiting


def consent(case: Case, allow: Allow, unsure: Mapping[Address, tuple[str, ...]]) -> Case:
    """Judge each field by its impact, and the creation of what may stand elsewhere as a move."""
    address, policy = case.change.key.address, _policy(case)
    if case.change.action == "create" and case.observed is None and address in unsure:
        return _creation(case, allow, unsure[address])
    by_policy = sorted(
        {field.impact for field in case.change.fields if policy.covers(field.impact, address)}
        - {field.impact for field in case.change.fields if allow.covers(field.impact, address)}
    )
    case = judge_fields(case, lambda field: _field(field, address, allow, policy))
    return _lost(explain(case, f"its updatePolicy allows {', '.join(by_policy)}") if by_policy else case)


def _policy(case: Case) -> Allow:
    """What the object itself allows, by its marks: those that this very commit takes away count, and those that it
    gives do not yet.
    """
    if case.observed is None or case.change.action not in ("update", "replace"):
        return Allow()
    named = {guard.removeprefix(ALLOW) for guard in case.observed.guards if guard.startswith(ALLOW)}
    return Allow(impacts=frozenset((each, case.change.key.address) for each in CONSENTABLE if each.value in named))


def _lost(case: Case) -> Case:
    """What has lost a part that is made anew with consent only waits for that as a whole, unless it runs on."""
    if case.observed is None or case.observed.running is not None:
        return case
    stored = case.observed.stored
    lacks = (field for field in case.change.fields if field.path not in stored and field.impact is Impact.REBUILD)
    held = next((field.consent for field in lacks if not isinstance(field.consent, Granted)), None)
    return judge_object(case, held) if held else case


def _field(field: FieldChange, address: Address, *allowed: Allow) -> Consent:
    if field.impact is Impact.REFUSED:
        return Refused(field.reason or f"{field.path} cannot be changed")
    given = any(allow.covers(field.impact, address) for allow in allowed)
    return Granted() if given else Waiting(words(field.impact, address))


def _creation(case: Case, allow: Allow, hosts: tuple[str, ...]) -> Case:
    """Never start a second one: an unreachable host may run it, and who knows better has to say so."""
    address = case.change.key.address
    if allow.covers(Impact.MIGRATE, address):
        return case
    verb = "run" if address.kind == "Instance" else "lie"
    case = explain(case, f"it may {verb} on {', '.join(hosts)}, which was not completely seen")
    return judge_object(case, Waiting(words(Impact.MIGRATE, address)))
