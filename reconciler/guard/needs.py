"""What follows from a verdict for others: users of what is not made wait with it, and what is still used stays."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.diff.entries import entry_of, is_head
from reconciler.guard.verdict import because, explain, granted, judge_fields, judge_object, ungranted_fields
from reconciler.impact import Impact
from reconciler.objects import Await, Observed, Value
from reconciler.order import earlier_first
from reconciler.plan import Consent, Granted, Refused, Waiting
from reconciler.snapshots import Snapshots, identity

Cases = dict[ObjectKey, Case]
POWER = "powerState"


def mentions(value: Value, key: ObjectKey) -> bool:
    """Whether a field's value names an object: by its resource's address, or as `NAME@PART`."""
    texts = value if isinstance(value, tuple) else (value,)
    return str(key.address) in texts or (key.part != "" and f"{key.address.name}@{key.part}" in texts)


def dependents(cases: Cases, snapshots: Snapshots) -> Cases:
    """Creations and updates, needed ones first: what needs something that will not stand does not go on."""
    judged = dict(cases)
    for key in _needed_first(cases):
        case = judged[key]
        for need in case.wanted.needs if case.wanted else ():
            if (consent := _lack(need, case, judged, snapshots)) is not None:
                held = without(case, need, consent)
                case = case if held == case else explain(held, f"it needs {need.address}")
        judged[key] = _unless_awaiting(case, judged, snapshots)
    return judged


def _unless_awaiting(case: Case, judged: Cases, snapshots: Snapshots) -> Case:
    """A creation that depends on an instance which will not stand, or not run, goes no further than that one; nor is a
    guest started anew then, while all that needs no start goes on: to close a port matters more.
    """
    for each in case.wanted.awaits if case.wanted else ():
        if (consent := _absence(each, case, judged, snapshots)) is not None:
            creates = case.change.action == "create"
            held = judge_object(case, consent) if creates else _unstarted(case, consent)
            case = case if held == case else explain(held, f"it depends on {each.key.address}")
    return case


def _unstarted(case: Case, consent: Consent) -> Case:
    return judge_fields(
        case, lambda field: consent if field.path == POWER or field.impact.rank >= Impact.RESTART.rank else Granted()
    )


def _absence(each: Await, case: Case, judged: Cases, snapshots: Snapshots) -> Consent | None:
    """Why an instance that is depended on will not be there; None when it will, or when nobody is to be started."""
    if case.change.action != "create" and case.wanted and case.wanted.fields.get(POWER) == "Stopped":
        return None
    standing, other = snapshots.objects.get(awaited(each)), judged.get(awaited(each))
    why = f"{each.key.address}, which it depends on, "
    if standing and not standing.incomplete:
        if standing.running is not None or each.readiness.check == "none":
            return None
        power = next((field for field in other.change.fields if field.path == POWER), None) if other else None
        return _inherited(power.consent, f"{why}is not started") if power else Refused(f"{why}does not run")
    if case.change.action != "create":
        return None
    return _inherited(other.change.consent, f"{why}is refused") if other else Refused(f"{why}does not stand")


def awaited(each: Await) -> ObjectKey:
    """What pairs an instance that is waited for with what is wanted and observed of it."""
    return ObjectKey(each.key.host, each.origin or each.key.address)


def _needed_first(cases: Cases) -> Iterable[ObjectKey]:
    pairs = (
        (need, key)
        for key, case in cases.items()
        for need in ((*case.wanted.needs, *map(awaited, case.wanted.awaits)) if case.wanted else ())
        if need in cases
    )
    return earlier_first(cases, pairs)


def _lack(need: ObjectKey, case: Case, judged: Cases, snapshots: Snapshots) -> Consent | None:
    """Why `need` will not be as `case` needs it; None when it will."""
    other = judged.get(need)
    standing = snapshots.objects.get(need)
    if other is None:
        return None if standing and not standing.incomplete else Refused(f"{need.address} is not on {need.host}")
    if other.change.action == "create" or case.change.action == "create":
        return _inherited(other.change.consent, f"what is declared for {need.address} is refused")
    return None


def without(case: Case, need: ObjectKey, consent: Consent) -> Case:
    """A creation is held up whole; of an update only the fields that newly name what it needs, and with the
    network of a NIC or the volume of a disk all of that.
    """
    if case.change.action == "create":
        return judge_object(case, consent)
    newly = {each.path for each in case.change.fields if mentions(each.after, need) and not mentions(each.before, need)}
    entries = {entry_of(path) for path in newly if is_head(path)}
    return judge_fields(
        case, lambda field: consent if field.path in newly or entry_of(field.path) in entries else Granted()
    )


def _inherited(consent: Consent, why: str) -> Consent | None:
    match consent:
        case Granted():
            return None
        case Waiting():
            return consent
        case Refused():
            return Refused(why)


def without_used(cases: Cases, snapshots: Snapshots) -> Cases:
    """The cases without deletions of what something uses that does not change at all: of those nothing is told."""
    kept = dict(cases)
    for key in _users_first(cases, snapshots):
        if any(identity(user) not in kept for user in snapshots.users(key)):
            del kept[key]
    return kept


def prunes(cases: Cases, snapshots: Snapshots) -> Cases:
    """Deletions, users first: what its user will go on using stays, with the verdict on that user's change."""
    judged = dict(cases)
    for key in _users_first(cases, snapshots):
        judged[key] = _unless_used(judged[key], snapshots.users(key), judged)
    return judged


def _users_first(cases: Cases, snapshots: Snapshots) -> list[ObjectKey]:
    """Groups may name each other, so references within a kind are left out of the order."""
    deletions = {key: None for key, case in cases.items() if case.change.action == "delete"}
    pairs = (
        (identity(user), key)
        for key in deletions
        for user in snapshots.users(key)
        if user.key.address.kind != key.address.kind and identity(user) in deletions
    )
    return earlier_first(deletions, pairs)


def _unless_used(case: Case, users: Iterable[Observed], judged: Cases) -> Case:
    """Every user that stays is told: the consent to change one of them is not enough."""
    staying: list[str] = []
    for user in users:
        using = judged.get(identity(user))
        if using is None or using.identity == case.identity or releases(using, case.identity):
            continue
        staying.append(str(user.key.address))
        why = f"{user.key.address} still uses it"
        case = judge_object(case, _inherited(using.change.consent, why) or Refused(why))
    verb = "uses" if len(staying) == 1 else "use"
    return because(case, f"goes once {', '.join(staying)} no longer {verb} it") if staying else case


def releases(using: Case, key: ObjectKey) -> bool:
    """Whether an object that uses another will no longer do so once its granted changes are made."""
    if using.wanted is None or using.change.action == "create":
        return granted(using) and (using.wanted is None or key not in using.wanted.needs)
    if key in using.wanted.needs:
        return False
    kept = ungranted_fields(using)
    if any(mentions(field.before, key) for field in using.change.fields):
        return not any(mentions(field.before, key) for field in kept)
    return not kept
