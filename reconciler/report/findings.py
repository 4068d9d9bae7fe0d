"""What a check of a pull request points out, each at its place: as annotations, as SARIF, as code quality."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from reconciler.diagnostic import Diagnostic, Place
from reconciler.impact import Impact
from reconciler.plan import Plan, Refused, Waiting
from reconciler.report.filtering import opened_to_anyone
from reconciler.report.grouping import Group, group
from reconciler.report.line import counted

Level = Literal["error", "warning", "note"]
RULES = {
    "change-refused": "A change cannot be allowed as things are.",
    "change-waits": "A change would be noticed by the users of a guest, and waits for consent.",
    "opens-to-anyone": "A security group lets in whoever asks.",
    "deletion": "Something that stands is deleted.",
    "left-out": "There are more findings than a forge takes.",
}
"""What findings that are no diagnostics are about."""
MOST_FINDINGS = 5_000
"""Of one report: GitHub shows no more of a SARIF file, and no page of a merge request is longer."""
MOST_CHARACTERS = 4_000
"""Of the message of one."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at. `rule` is a diagnostic's code or one of `RULES`; `about` is a resource, or empty."""

    level: Level
    rule: str
    title: str
    message: str
    about: str = ""
    place: Place | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same finding of another run, whatever line it has moved to."""
        path = self.place.path if self.place else ""
        text = "\0".join([self.rule, path, self.about, self.title, self.message])
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def plan_findings(plan: Plan) -> list[Finding]:
    """The worst first, then in order of place."""
    found = [*diagnostic_findings(plan.diagnostics), *(each for one in group(plan.changes) for each in _of(one))]
    return in_order(dict.fromkeys(found))  # the same on several hosts is one


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first: forges show the first few."""
    harm = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda each: (harm[each.level], each.place or Place(""), each.rule, each.message))


def bounded(findings: Sequence[Finding], most: int = MOST_FINDINGS) -> list[Finding]:
    """As many as a forge takes, the worst ones, none of them endless; and how many were left out."""
    taken = [_shortened(each) for each in findings[:most]]
    if more := len(findings) - len(taken):
        message = f"{counted(more, 'more finding')} left out here: there is no room. The plan itself has all of it."
        taken.append(Finding(level="note", rule="left-out", title="findings left out", message=message))
    return taken


def _shortened(finding: Finding) -> Finding:
    if len(finding.message) <= MOST_CHARACTERS:
        return finding
    more = len(finding.message) - MOST_CHARACTERS
    message = f"{finding.message[:MOST_CHARACTERS]}… and {counted(more, 'more character')}"
    return msgspec.structs.replace(finding, message=message)


def diagnostic_findings(diagnostics: Iterable[Diagnostic]) -> list[Finding]:
    """Mistakes and warnings."""
    return in_order(
        Finding(
            level=each.severity,
            rule=each.code,
            title=each.summary,
            message=each.detail or each.summary,
            place=each.place,
        )
        for each in diagnostics
    )


def _of(one: Group) -> Iterator[Finding]:
    change, address = one.change, str(one.address)
    harm = "" if change.action == "delete" and change.impact is Impact.NONE else f", {change.impact}"
    why = f"{address} on {', '.join(one.hosts)}: {change.action}{harm}"
    reason = f" ({change.reason})" if change.reason else ""
    if isinstance(change.consent, Refused):
        yield _finding(one, "error", "change-refused", f"{change.action} is refused", f"{why}. {change.consent.why}")
    elif isinstance(change.consent, Waiting):
        told = f"{why}{reason}. It waits for consent: {change.consent.words}"
        what = change.impact if change.impact.needs_consent else change.action
        yield _finding(one, "warning", "change-waits", f"{what} waits for consent", told)
    elif change.action in ("delete", "replace"):
        yield _finding(one, "note", "deletion", f"{change.action}", f"{why}{reason}.")
    if rules := opened_to_anyone(change):
        yield _finding(one, "warning", "opens-to-anyone", "opens to anyone", f"{address} opens: {'; '.join(rules)}")


def _finding(one: Group, level: Level, rule: str, title: str, message: str) -> Finding:
    place = one.change.place
    return Finding(level=level, rule=rule, title=title, message=message, about=str(one.address), place=place)
