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
    asked = dict.fromkeys(pair for change in changes for pair in _asked(change))
    if not asked:
        return []
    trailers = [f"--trailer 'Reconciler-Allow: {what} {target}'" for what, target in list(asked)[:_MOST]]
    more = len(asked) - _MOST
    head = "Whoever may consent does it in a commit, and pushes it:"
    told = [line(head), line("  git commit --allow-empty -m Consent " + " ".join(trailers))]
    return [*told, line(f"  and so for the other {more}.")] if more > 0 else told


def _asked(change: Change) -> Iterable[tuple[str, str]]:
    for consent in (change.consent, *(field.consent for field in change.fields)):
        if isinstance(consent, Waiting):
            yield from _WORDS.findall(consent.words)
