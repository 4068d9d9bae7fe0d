"""What is left, or lost, of an object that is made: nothing that holds data gives way to something new unasked."""

from __future__ import annotations

from reconciler.diff import Case
from reconciler.diff.entries import is_head
from reconciler.guard.allow import Allow, words
from reconciler.guard.verdict import explain, judge_object
from reconciler.impact import Impact
from reconciler.plan import Refused, Waiting
from reconciler.snapshots import Snapshots

Named = frozenset[tuple[str, str]]
"""Hosts and addresses, as text: what is seen need not be an address of ours."""


def lost(case: Case, allow: Allow, named: Named) -> Case:
    """A volume that an instance has, by all that is seen of that, and that is gone: somebody removed it, or its storage
    is away. It is not made anew, empty, unless the consent to a rebuild is given. Where something that is not known as
    ours bears its name, it need not be gone: that is refused, and said, already.
    """
    if isinstance(case.change.consent, Refused):
        return case
    host, address = case.change.key.host, case.change.key.address
    if (host, str(address)) not in named or case.change.action != "create" or allow.covers(Impact.REBUILD, address):
        return case
    case = explain(case, "an instance has it, and it is gone: bring it back, or consent to a new one without its data")
    return judge_object(case, Waiting(words(Impact.REBUILD, address)))


def named_volumes(snapshots: Snapshots) -> Named:
    """Every volume that some instance is seen to have, whether it stands or not."""
    found: set[tuple[str, str]] = set()
    for each in snapshots.objects.values():
        host = each.key.host
        found.update((host, str(need.address)) for need in each.needs if need.address.kind == "Volume")
        for path, value in {**each.stored, **(each.running or {})}.items():
            if path.startswith("volumes.") and is_head(path):
                found.add((host, str(value)))
    return frozenset(found)


def leftovers(case: Case, allow: Allow) -> Case:
    """A creation that would make a left-over disk anew waits for the consent to a rebuild: a domain that somebody
    undefined by hand leaves the disk of a guest, and it looks like that of a creation which was cut off.
    """
    address, impact = case.change.key.address, case.change.impact
    if case.change.action != "create" or allow.covers(impact, address):
        return case
    return judge_object(case, Waiting(words(impact, address)))
