"""A deletion and a creation of the same thing under another name: probably a rename that loses the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler.diagnostic import Diagnostic, error
from reconciler.diff import Case
from reconciler.objects import Fields, digest

_NAMED_OR_CHOSEN = (".dnsName", ".address", ".mac", ".filter", "hostname", "powerState")
"""Ends of paths whose values follow from the name or the moment, not from what was declared."""


def renames(cases: Iterable[Case]) -> Iterator[Diagnostic]:
    """A warning per instance that is made alike where another goes."""
    changes = [case for case in cases if case.change.key.address.kind == "Instance"]
    goes = {
        _likeness(case.change.key.host, case.observed.stored): case
        for case in changes
        if case.change.action == "delete" and case.observed is not None and not case.observed.incomplete
    }
    for case in changes if goes else ():
        if case.wanted is not None and case.change.action == "create":
            gone = goes.get(_likeness(case.change.key.host, case.wanted.fields))
            if gone is not None:
                yield _hint(gone, case)


def _likeness(host: str, fields: Fields) -> str:
    return digest([host, {path: value for path, value in fields.items() if not path.endswith(_NAMED_OR_CHOSEN)}])


def _hint(gone: Case, made: Case) -> Diagnostic:
    before, after = gone.change.key.address, made.change.key.address
    origin = before.name if before.project == after.project else f"{before.project}/{before.name}"
    detail = (
        f"{before} goes and {after} comes, alike but for the name: its disk would be deleted. "
        f"If it was renamed, write `origin: {origin}` in the metadata of {after}, and it keeps its identity and disk."
    )
    problem = error("maybe-renamed", "was this instance renamed?", detail, made.change.place)
    return msgspec.structs.replace(problem, severity="warning")
