"""What a step left behind, compared with what it was to do."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.objects import Observed, Value, Wanted
from reconciler.plan import Step


def shortfalls(step: Step, observed: Observed | None) -> Iterator[str]:
    """In what a step's result falls short of what it was to do: a call that succeeds without effect is a failure.

    An update answers for the paths that it changes, and for its guest running if it starts one; a creation for all.
    """
    if step.wanted is None:
        if observed is not None:
            yield "it is still there after its deletion"
    elif observed is None:
        yield "nothing stands after the step"
    else:
        if observed.incomplete:
            yield "only parts of it stand after the step"
        paths = step.paths if step.verb == "update" else ("address", "guards", *step.wanted.fields)
        paths = (*paths, "powerState") if step.ready else paths
        if "address" in paths and observed.key != step.wanted.key:
            yield f"it calls itself {observed.key} after the step instead of {step.wanted.key}"
        if "guards" in paths and sorted(observed.guards) != sorted(step.wanted.guards):
            yield f"its guards are {_show(observed.guards)} after the step instead of {_show(step.wanted.guards)}"
        yield from _differences(step.wanted, observed, paths)


def _differences(wanted: Wanted, observed: Observed, paths: tuple[str, ...]) -> Iterator[str]:
    for path in sorted(set(paths) & set(wanted.fields)):
        value = wanted.fields[path]
        if observed.stored.get(path) != value:
            yield f"{path} is {_show(observed.stored.get(path))} after the step instead of {_show(value)}"
        elif observed.running is not None and observed.running.get(path, value) != value:
            yield f"{path} of what runs is {_show(observed.running[path])} after the step instead of {_show(value)}"


def _show(value: Value) -> str:
    return "absent" if value is None else msgspec.json.encode(value).decode()
