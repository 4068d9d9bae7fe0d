"""What is told of guests that are to run, are down, and are left so by their restart policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from reconciler.diagnostic import Diagnostic, error
from reconciler.diff import Case
from reconciler.guard.allow import words
from reconciler.guard.restart import ended
from reconciler.impact import Impact
from reconciler.objects import Ended

MOST_NAMES = 10
"""Names in one message; more are counted."""
_HOW: dict[Ended, str] = {
    "guest": "shut down from within",
    "crash": "died",
    "host": "was switched off",
    "unknown": "is down, and nobody knows why",
    "": "is down",
}


def left_lines(cases: Iterable[Case]) -> dict[str, str]:
    """Why each of them is left down, in one line, by address."""
    told = {
        str(case.change.key.address): f"left down: it {_how(case)} (restartPolicy {_policy(case)})" for case in cases
    }
    return dict(sorted(told.items()))


def left_notes(cases: Iterable[Case]) -> list[Diagnostic]:
    """One message for all that came down in the same way under the same policy."""
    alike: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.change.key):
        alike[_how(case), _policy(case)].append(case)
    return [_note(how, policy, found) for (how, policy), found in sorted(alike.items())]


def _note(how: str, policy: str, cases: list[Case]) -> Diagnostic:
    first, more = cases[0].change, len(cases) - MOST_NAMES
    names = ", ".join(str(case.change.key.address) for case in cases[:MOST_NAMES])
    others = f" and {more} more" if more > 0 else ""
    start = words(Impact.RESTART, first.key.address) + (", and the others likewise" if len(cases) > 1 else "")
    detail = (
        f"{names}{others}: {how if len(cases) == 1 else f'each {how}'}, and restartPolicy {policy} leaves that so. "
        f"{start} starts it; `powerState: Stopped` declares that it is to be off."
    )
    warning = error(
        "left-down", "a guest that is to run is left down", detail, first.place if len(cases) == 1 else None
    )
    return replace(warning, severity="warning")


def _how(case: Case) -> str:
    return _HOW[ended(case.observed)] if case.observed else ""


def _policy(case: Case) -> str:
    return case.wanted.restart if case.wanted else ""
