"""Volumes that one instance is to take over from another: never two writers on one disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.address import Address, ObjectKey
from reconciler.diff import Case
from reconciler.diff.entries import is_head
from reconciler.guard.needs import releases, without
from reconciler.guard.verdict import explain, granted_fields
from reconciler.objects import Observed
from reconciler.order import circles
from reconciler.plan import Consent, Granted, Refused, Waiting
from reconciler.snapshots import Snapshots, identity

Cases = Mapping[ObjectKey, Case]


def handed_on(cases: Cases, snapshots: Snapshots) -> dict[ObjectKey, Case]:
    """The cases, where whoever takes a volume waits with the one that does not let go of it. What is held up lets go of
    nothing itself, so it is looked at until nothing more follows.
    """
    judged = _unless_round(cases, snapshots)
    takers = [key for key, case in judged.items() if next(takes(case), None)]
    moved = True
    while moved:
        moved = False
        for key in takers:
            case = _unless_held(judged[key], judged, snapshots)
            moved, judged[key] = moved or case != judged[key], case
    return judged


def takes(case: Case) -> Iterator[ObjectKey]:
    """The volumes that a change gives to an instance, as far as it is granted."""
    for field in granted_fields(case) if case.wanted else ():
        if field.path.startswith("volumes.") and is_head(field.path) and isinstance(field.after, str):
            yield ObjectKey(case.change.key.host, Address.parse(field.after))


def holders(volume: ObjectKey, case: Case, snapshots: Snapshots) -> Iterator[Observed]:
    """The other instances that are seen to have a volume."""
    for user in snapshots.users(volume):
        if user.key.address.kind == "Instance" and identity(user) != case.identity:
            yield user


def _unless_held(case: Case, judged: Cases, snapshots: Snapshots) -> Case:
    for volume in takes(case):
        case = _unless_own(case, volume)
        for user in holders(volume, case, snapshots):
            using = judged.get(identity(user))
            if using is not None and releases(using, volume):
                continue
            consent = using.change.consent if using else Granted()
            why = Refused(f"{user.key.address} has {volume.address}, and keeps it")
            case = _held(case, volume, why if isinstance(consent, Granted | Refused) else consent, user)
    return case


def _unless_own(case: Case, volume: ObjectKey) -> Case:
    """The guest that has a volume as one disk does not get it as another one as well."""
    heads = {field.path: field for field in case.change.fields if is_head(field.path)}
    forms = (case.observed.stored, case.observed.running or {}) if case.observed else ()
    for path in sorted({path for form in forms for path, value in form.items() if value == str(volume.address)}):
        if not (path.startswith("volumes.") and is_head(path)):
            continue
        gives = heads.get(path)
        if gives is not None and (gives.after == str(volume.address) or isinstance(gives.consent, Granted)):
            continue
        why = Refused(f"it has {volume.address} as {path.removesuffix('.volume')}, and keeps it so")
        case = without(case, volume, gives.consent if gives and isinstance(gives.consent, Waiting) else why)
    return case


def _held(case: Case, volume: ObjectKey, consent: Consent, user: Observed) -> Case:
    held = without(case, volume, consent)
    return case if held == case else explain(held, f"{volume.address} is {user.key.address}'s")


def _unless_round(cases: Cases, snapshots: Snapshots) -> dict[ObjectKey, Case]:
    """Several that take volumes from each other in a circle cannot begin."""
    pairs = (
        (identity(user), key)
        for key, case in cases.items()
        for volume in takes(case)
        for user in holders(volume, case, snapshots)
    )
    judged = dict(cases)
    for circle in circles(pairs):
        for key in circle:
            for volume in takes(judged[key]):
                why = "these instances take volumes from each other; let go of one in a commit of its own first"
                judged[key] = without(judged[key], volume, Refused(why))
    return judged
