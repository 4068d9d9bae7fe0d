"""Consent that commits give in their trailers, as far as whoever answers for them may give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from reconciler.authority.commits import Commit
from reconciler.authority.identity import Identity
from reconciler.authority.rules import Files, consenting, may_consent
from reconciler.authority.trailers import KEY, Trailer, trailers
from reconciler.diagnostic import Diagnostic, error
from reconciler.guard import Allow
from reconciler.suggest import listed
from reconciler.trust.fields import Rule


def consents(
    commits: Sequence[Commit], answering: Mapping[str, Identity], rules: Sequence[Rule], files: Files
) -> tuple[list[tuple[Allow, str]], list[Diagnostic]]:
    """What the trailers of these commits consent to, each with who gave it where, the newest commit first; and a
    warning for each that does not count. `files` has those in which what is consented to is declared, or was.
    """
    given: list[tuple[Allow, str]] = []
    warnings: list[Diagnostic] = []
    for commit in reversed(commits):
        who = answering[commit.id]
        for trailer in trailers(commit.message):
            if trailer.mistake:
                warnings.append(_mistaken(commit, trailer))
            elif may_consent(trailer.allow, who, rules, files):
                given.append((trailer.allow, f"{who} in commit {commit.id[:12]}"))
            else:
                warnings.append(_not_theirs(commit, trailer, who, rules, files))
    return given, warnings


def _mistaken(commit: Commit, trailer: Trailer) -> Diagnostic:
    detail = (
        f"{_where(commit, trailer)}: {trailer.mistake}. Nothing follows from it: give the consent in another commit, "
        "or with --allow."
    )
    return _warning("bad-trailer", "trailer gives no consent", detail)


def _not_theirs(commit: Commit, trailer: Trailer, who: Identity, rules: Sequence[Rule], files: Files) -> Diagnostic:
    may = consenting(trailer.allow, rules, files)
    whom = f"they let {listed(may)}" if may else "they let nobody; who runs `reconciler` gives it with --allow"
    detail = f"{_where(commit, trailer)}: the rules do not let {who} give this consent; {whom}."
    return _warning("consent-not-theirs", "consent is not theirs to give", detail)


def _where(commit: Commit, trailer: Trailer) -> str:
    return f"{commit.name[:1].upper()}{commit.name[1:]}, line {trailer.line} of its message, `{KEY}: {trailer.text}`"


def _warning(code: str, summary: str, detail: str) -> Diagnostic:
    return msgspec.structs.replace(error(code, summary, detail), severity="warning")
