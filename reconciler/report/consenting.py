"""How a commit gives the consent that a plan waits for: pushers have no command line to consent on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.plan import Change, Waiting
from reconciler.report.line import Line, line

_WORDS = re.compile(r"--allow ([a-z]+)=(\S+)")
_MOST = 3
"""Consents in the command that is shown; more are given in the same way."""


def consenting_lines(changes: Iterable[Change]) -> list[Line]:
    """The command that makes such a commit; nothing when nothing waits."""
    given, more = trailers(changes)
    if not given:
        return []
    head = "Whoever may consent does it in a commit, and pushes it:"
    command = " ".join(["git commit --allow-empty -m Consent", *(f"--trailer '{each}'" for each in given)])
    told = [line(head), line(f"  {command}")]
    return [*told, line(f"  and so for the other {more}.")] if more else told


def trailers(changes: Iterable[Change]) -> tuple[list[str], int]:
    """The first trailers that give what is waited for, and how many more there are."""
    asked = list(dict.fromkeys(pair for change in changes for pair in _asked(change)))
    return [f"Reconciler-Allow: {what} {target}" for what, target in asked[:_MOST]], max(len(asked) - _MOST, 0)


def _asked(change: Change) -> Iterable[tuple[str, str]]:
    for consent in (change.consent, *(field.consent for field in change.fields)):
        if isinstance(consent, Waiting):
            yield from _WORDS.findall(consent.words)
