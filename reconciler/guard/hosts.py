"""What a host stands against: things that are not ours in the way, filters that it cannot enforce, and want of room."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.address import Address
from reconciler.diff import Case
from reconciler.guard.verdict import judge_fields, judge_object
from reconciler.impact import Impact
from reconciler.plan import FieldChange, Granted, Refused
from reconciler.snapshots import Snapshots

FILTERED = frozenset({"Instance", "SecurityGroup"})
"""Kinds that are worth nothing, or a danger, where nothing filters the guests' traffic."""


def foreign(case: Case, snapshots: Snapshots) -> Case:
    """A name of ours that something foreign bears is never taken from it: what would be made anew is refused."""
    clash = snapshots.clash(case.identity) or snapshots.clash(case.change.key)
    if clash is None or case.change.action == "delete":
        return case
    why = (
        f"the {clash.what} {clash.name} on {case.change.key.host} is in the way and is not ours: {clash.reason}; "
        "remove or rename it there, or give the resource another name"
    )
    if case.change.action != "update":
        return judge_object(case, Refused(why))
    return judge_fields(case, lambda field: Refused(why) if _makes_anew(field) else Granted())


def room(case: Case, cramped: Mapping[Address, Mapping[str, str]]) -> Case:
    """What has no room to grow keeps what it has: it could not be started again with more."""
    fields = cramped.get(case.change.key.address)
    if not fields or case.change.action not in ("update", "replace"):
        return case
    return judge_fields(case, lambda field: Refused(fields[field.path]) if field.path in fields else Granted())


def _makes_anew(field: FieldChange) -> bool:
    return field.before is None or field.impact.rank >= Impact.REBUILD.rank


def enforcement(case: Case, snapshots: Snapshots) -> Case:
    """Fail closed: where nothing filters, no guest is made or changed; stopping and deleting one is always safe."""
    key = case.change.key
    if key.address.kind not in FILTERED or case.change.action == "delete":
        return case
    facts = snapshots.facts(key.host)
    if facts is not None and facts.enforcement:
        return case
    reason = facts.enforcement_reason if facts else "the host did not say what it can do"
    refused = Refused(f"{key.host} cannot enforce security groups: {reason}")
    if case.change.action == "create":
        return judge_object(case, refused)
    return judge_fields(case, lambda field: Granted() if _stops(field) else refused)


def _stops(field: FieldChange) -> bool:
    return field.path == "powerState" and field.after == "Stopped"
