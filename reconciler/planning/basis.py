"""What a plan was decided on: a digest per object that it touches or relies on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.plan import Step
from reconciler.snapshots import Snapshots, identity

ABSENT = ""
"""Stands for an object that was not there."""


def basis(steps: Iterable[Step], cases: Mapping[ObjectKey, Case], seen: Snapshots) -> dict[str, str]:
    """By the object's key under its origin. Without steps there is nothing to rely on."""
    stepping = {step.key for step in steps}
    touched = [key for key, case in cases.items() if case.change.key in stepping]
    relied = {each for key in touched for each in (key, *_relied_on(cases[key], seen))}
    return {str(key): digest_of(key, seen) for key in sorted(relied)}


def digest_of(key: ObjectKey, seen: Snapshots) -> str:
    """The digest of what stands under a key."""
    observed = seen.objects.get(key)
    return observed.digest() if observed else ABSENT


def _relied_on(case: Case, seen: Snapshots) -> Iterator[ObjectKey]:
    """What must stand for a creation or an update; who uses the object of a deletion."""
    if case.wanted is not None:
        yield from case.wanted.needs
    else:
        yield from (identity(user) for user in seen.users(case.identity))
