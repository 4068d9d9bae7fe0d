"""Consent: a change that a guest's user would notice waits for the words that allow it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.address import Address
from reconciler.diff import Case
from reconciler.guard.allow import Allow, words
from reconciler.guard.verdict import explain, judge_fields, judge_object
from reconciler.impact import Impact
from reconciler.plan import Consent, FieldChange, Granted, Refused, Waiting


def consent(case: Case, allow: Allow, unsure: Mapping[Address, tuple[str, ...]]) -> Case:
    """Judge each field by its impact, and the creation of what may stand elsewhere as a move."""
    address = case.change.key.address
    if case.change.action == "create" and case.observed is None and address in unsure:
        return _creation(case, allow, unsure[address])
    return _lost(judge_fields(case, lambda field: _field(field, address, allow)))


def _lost(case: Case) -> Case:
    """What has lost a part that is made anew with consent only waits for that as a whole, unless it runs on."""
    if case.observed is None or case.observed.running is not None:
        return case
    stored = case.observed.stored
    lacks = (field for field in case.change.fields if field.path not in stored and field.impact is Impact.REBUILD)
    held = next((field.consent for field in lacks if not isinstance(field.consent, Granted)), None)
    return judge_object(case, held) if held else case


def _field(field: FieldChange, address: Address, allow: Allow) -> Consent:
    if field.impact is Impact.REFUSED:
        return Refused(field.reason or f"{field.path} cannot be changed")
    return Granted() if allow.covers(field.impact, address) else Waiting(words(field.impact, address))


def _creation(case: Case, allow: Allow, hosts: tuple[str, ...]) -> Case:
    """Never start a second one: an unreachable host may run it, and who knows better has to say so."""
    address = case.change.key.address
    if allow.covers(Impact.MIGRATE, address):
        return case
    case = explain(case, f"it may run on {', '.join(hosts)}, which was not completely seen")
    return judge_object(case, Waiting(words(Impact.MIGRATE, address)))
