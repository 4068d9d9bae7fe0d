"""What a step changed and why, in a few words, as whoever reads a log at night needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.objects import Value
from reconciler.plan import Change, FieldChange, Step
from reconciler.report.line import escape
from reconciler.report.value import render

MOST_PATHS = 5
"""Fields of a step that are named; more are counted."""
_LONGEST = 60
"""Characters of a value that are shown."""
_TOLD = frozenset({"powerState", "image", "network", "volume", "address", "address6", "cidr", "cidr6", "filter"})
"""Last parts of the paths of texts that are shown. Of all others only the path is: more people read a log than may
read a plan, and a digest of user data is as good as that.
"""
_OUTSIDE = "changed outside of Git"


def words_of(step: Step, change: Change | None) -> str:
    """`: powerState Stopped → Running (changed outside of Git)`; empty when there is nothing to say."""
    if step.verb != "update":
        return f": {escape(change.reason)}" if change and change.reason else ""
    known = {field.path: field for field in change.fields} if change else {}
    fields = [known[path] for path in step.paths if path in known]
    named = [_field(known[path]) if path in known else path for path in step.paths]
    outside = _outside(fields) if len(fields) == len(step.paths) else ""
    return f": {_counted(named)}{outside}" if named else ""


def _outside(fields: Sequence[FieldChange]) -> str:
    """Which of them nobody committed, if that is so of some."""
    moved = [field.path for field in fields if field.origin == "drift"]
    if not moved:
        return ""
    return f" ({_OUTSIDE})" if len(moved) == len(fields) else f" ({_counted(moved)} {_OUTSIDE})"


def _counted(words: Sequence[str]) -> str:
    more = len(words) - MOST_PATHS
    return ", ".join(words[:MOST_PATHS]) + (f" and {more} more" if more > 0 else "")


def _field(field: FieldChange) -> str:
    """A field, with its values where these are harmless and say something."""
    if not all(_harmless(field.path, (field.before, field.after))):
        return field.path
    before, after = (escape(render(field.path, each))[:_LONGEST] for each in (field.before, field.after))
    return f"{field.path} {before} → {after}"


def _harmless(path: str, values: Iterable[Value]) -> Iterable[bool]:
    for value in values:
        yield value is None or isinstance(value, int) or (isinstance(value, str) and path.rpartition(".")[2] in _TOLD)
