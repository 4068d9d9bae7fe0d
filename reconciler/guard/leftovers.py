"""What is left of an object that is made: nothing that holds data gives way to something new unasked."""

from __future__ import annotations

from reconciler.diff import Case
from reconciler.guard.allow import Allow, words
from reconciler.guard.verdict import judge_object
from reconciler.plan import Waiting


def leftovers(case: Case, allow: Allow) -> Case:
    """A creation that would make a left-over disk anew waits for the consent to a rebuild: a domain that somebody
    undefined by hand leaves the disk of a guest, and it looks like that of a creation which was cut off.
    """
    address, impact = case.change.key.address, case.change.impact
    if case.change.action != "create" or allow.covers(impact, address):
        return case
    return judge_object(case, Waiting(words(impact, address)))
