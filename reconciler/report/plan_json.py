"""A plan as JSON, format version 1. `docs/plan-json.md` describes every field; `schemas/plan-v1.json` checks it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from reconciler.address import ObjectKey
from reconciler.diagnostic import Diagnostic, Place
from reconciler.objects import Readiness
from reconciler.plan import Change, Consent, FieldChange, Plan, Refused, Source, Step, Waiting
from reconciler.report.grouping import group, summarise
from reconciler.report.value import plain_value

FORMAT_VERSION = 1


def plan_value(plan: Plan) -> dict[str, Any]:
    """The plan, ready for JSON."""
    return {
        "formatVersion": FORMAT_VERSION,
        "fleet": plan.fleet,
        "fleetId": plan.fleet_id,
        "source": source_value(plan.source),
        "summary": msgspec.to_builtins(summarise(plan)),
        "changes": [change_value(one.change, one.hosts) for one in group(plan.changes)],
        "steps": [_step_value(step) for step in plan.steps],
        "held": [{"address": address, "why": why} for address, why in sorted(plan.held.items())],
        **_left_down_value(plan),
        "retained": [_key_value(key) for key in plan.retained],
        "diagnostics": [diagnostic_value(diagnostic) for diagnostic in plan.diagnostics],
    }


def _left_down_value(plan: Plan) -> dict[str, Any]:
    """Guests that are left down; nothing where there are none."""
    found = [{"address": address, "why": why} for address, why in sorted(plan.left_down.items())]
    return {"leftDown": found} if found else {}


def source_value(source: Source) -> dict[str, Any]:
    """Where the desired state was read."""
    value = {"commit": source.commit or None, "workTree": source.work_tree}
    if look := source.look:
        signer = look.signer or None
        return value | {"observed": {"time": look.time, "age": look.age, "commit": look.commit, "signer": signer}}
    return {**value, "base": source.base, "assumed": True} if source.base else value


def diagnostic_value(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic; `line` and `column` are null where they mean nothing."""
    place = diagnostic.place
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "path": place.path if place else None,
        "line": (place.line or None) if place else None,
        "column": (place.column or None) if place else None,
    }


def change_value(change: Change, hosts: Iterable[str]) -> dict[str, Any]:
    """What happens to a resource on some hosts."""
    address = change.key.address
    return {
        "address": str(address),
        "kind": address.kind,
        "project": address.project,
        "name": address.name,
        "part": change.key.part,
        "hosts": list(hosts),
        **({"hostsAssumed": True} if change.assumed else {}),
        "action": change.action,
        "impact": change.impact.value,
        **_consent_value(change.consent),
        "reason": change.reason,
        "disturbs": [str(disturbed) for disturbed in change.disturbs],
        "source": _place_value(change.place),
        "fields": [_field_value(field) for field in change.fields],
    }


def _consent_value(consent: Consent) -> dict[str, Any]:
    if isinstance(consent, Waiting):
        return {"consent": "waiting", "words": consent.words}
    if isinstance(consent, Refused):
        return {"consent": "refused", "why": consent.why}
    return {"consent": "granted"}


def _place_value(place: Place | None) -> dict[str, Any] | None:
    return {"path": place.path, "line": place.line or None} if place else None


def _field_value(field: FieldChange) -> dict[str, Any]:
    return {
        "path": field.path,
        "before": plain_value(field.path, field.before),
        "after": plain_value(field.path, field.after),
        "impact": field.impact.value,
        "certain": field.certain,
        **_possible_value(field),
        "origin": field.origin,
        "form": field.form,
        "reason": field.reason,
        **_consent_value(field.consent),
    }


def _possible_value(field: FieldChange) -> dict[str, Any]:
    """What may be, where nobody looked; nothing where it is known."""
    possible = [{"impact": each.impact.value, "when": each.when} for each in field.possible]
    return {"possible": possible} if possible else {}


def _step_value(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "verb": step.verb,
        **_key_value(step.key),
        "after": list(step.after),
        "ready": _readiness_value(step.ready) if step.ready else None,
        "awaits": [_key_value(each.key) | _readiness_value(each.readiness) for each in step.awaits],
    }


def _key_value(key: ObjectKey) -> dict[str, Any]:
    return {"address": str(key.address), "part": key.part, "host": key.host}


def _readiness_value(readiness: Readiness) -> dict[str, Any]:
    return {"check": readiness.check, "deadline": readiness.deadline}
