"""What is recorded of a run, and how it is written down: one line of JSON per run, in the note of its commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from reconciler import __version__
from reconciler.plan import Extent, Outcome, Plan, Refused, Waiting

FORMAT_VERSION = 1
MOST_RUNS = 20
"""Runs that the note of one commit keeps, the newest; a resident controller may run one commit for months."""
MOST_BYTES = 1 << 20
"""What a note may have; the newest run is kept whatever its size."""
_LONGEST_ERROR = 500
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of a step: what `apply -o json` tells of it, and no value of any field."""

    verb: Literal["create", "update", "delete"]
    address: str
    host: str
    status: Literal["succeeded", "failed", "skipped", "not-run"]
    part: str = ""
    error: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One run of one commit.

    `time` is when it ended (UTC, ISO 8601); `by` is who ran it. The counts are of objects, as in a plan's summary.
    `extent` and `partial` are the plan's: what was planned for, and whether a host was not completely seen. `not_ready`
    counts guests of earlier steps that are still to become ready, or did not in time.
    """

    format_version: int
    time: str
    by: str
    tool: str
    fleet: str
    fleet_id: str
    extent: Extent
    partial: bool
    summary: dict[str, int]
    steps: tuple[Done, ...]
    not_ready: int = 0

    @property
    def clean(self) -> bool:
        """Whether the commit counts as applied after it: everything was seen and planned for, no step failed, and no
        guest is still to become ready.

        What waits for consent or was refused does not count against it: it is shown by every plan, and has no step.
        """
        good = all(step.status == "succeeded" for step in self.steps)
        return self.extent == "whole" and not (self.partial or self.not_ready) and good


def run_of(plan: Plan, outcomes: Sequence[Outcome], *, time: str, by: str, not_ready: int = 0) -> Run:
    """The record of a plan that was carried out."""
    by_id = {step.id: step for step in plan.steps}
    return Run(
        format_version=FORMAT_VERSION,
        time=time,
        by=by,
        tool=__version__,
        fleet=plan.fleet,
        fleet_id=plan.fleet_id,
        extent=plan.extent,
        partial=plan.partial,
        summary=_summary(plan),
        not_ready=not_ready,
        steps=tuple(
            Done(
                verb=by_id[outcome.step].verb,
                address=str(by_id[outcome.step].key.address),
                part=by_id[outcome.step].key.part,
                host=by_id[outcome.step].key.host,
                status=outcome.status,
                error=outcome.error[:_LONGEST_ERROR],
            )
            for outcome in outcomes
        ),
    )


def _summary(plan: Plan) -> dict[str, int]:
    counts = {action: sum(change.action == action for change in plan.changes) for action in _ACTIONS}
    waiting = sum(isinstance(change.consent, Waiting) for change in plan.changes)
    refused = sum(isinstance(change.consent, Refused) for change in plan.changes)
    return counts | {"unchanged": plan.unchanged, "waiting": waiting, "refused": refused}


_ACTIONS = ("create", "update", "replace", "delete")


def written(runs: Iterable[Run]) -> bytes:
    """A note, oldest run first. Lines, so that notes of two controllers can be merged with `cat_sort_uniq`.

    Beyond the bounds the oldest go; but the last clean one stays, since it says that consent was spent.
    """
    kept = list(runs)
    clean = max((index for index, run in enumerate(kept) if run.clean), default=-1)
    lines = {index: _ENCODER.encode(run) + b"\n" for index, run in enumerate(kept)}
    for index in [index for index in lines if index not in (clean, len(kept) - 1)]:
        if len(lines) > MOST_RUNS or sum(map(len, lines.values())) > MOST_BYTES:
            del lines[index]
    return b"".join(lines.values())


def read(note: bytes) -> list[Run]:
    """The runs in a note, oldest first. Lines that are no record, or of a later format, are passed over."""
    runs = []
    for line in note.splitlines():
        try:
            run = msgspec.json.decode(line, type=Run)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if run.format_version == FORMAT_VERSION:
            runs.append(run)
    return sorted(runs, key=lambda run: run.time)
