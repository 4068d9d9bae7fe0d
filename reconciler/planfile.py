"""Saved plans: JSON that a person can read and nobody can edit unnoticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from reconciler import __version__
from reconciler.observation import Snapshot
from reconciler.once import elsewhere, made_once, taken
from reconciler.placement import NONE_BARRED, Barred
from reconciler.plan import Plan
from reconciler.planning.basis import ABSENT
from reconciler.snapshots import Snapshots

FORMAT_VERSION = 1
_AGAIN = "make it again with `reconciler plan --out`"
_ENCODER = msgspec.json.Encoder(order="deterministic")


class _File(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The envelope. `digest` is the SHA-256 of all the rest: it tells damage and edits, and is no signature."""

    format_version: int
    tool: str
    fleet_id: str
    digest: str
    plan: msgspec.Raw


class _Format(msgspec.Struct, rename="camel"):
    """The one field that every format has."""

    format_version: int


def dump(plan: Plan) -> bytes:
    """The file's content; the same plan gives the same bytes."""
    text = _ENCODER.encode(plan)
    file = _File(
        format_version=FORMAT_VERSION,
        tool=__version__,
        fleet_id=plan.fleet_id,
        digest=_digest(__version__, plan.fleet_id, text),
        plan=msgspec.Raw(text),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def load(data: bytes, fleet_id: str) -> Plan:
    """Read a plan of that fleet back; raises `ValueError` with a message for people."""
    file = _envelope(data)
    if file.fleet_id != fleet_id:
        raise ValueError(f"it is a plan for fleet {file.fleet_id}, and this is fleet {fleet_id}")
    if file.tool != __version__:
        raise ValueError(f"it was made by version {file.tool}, and this is {__version__}; {_AGAIN}")
    try:
        plan = msgspec.json.decode(file.plan, type=Plan)
    except msgspec.DecodeError:
        raise ValueError(f"it was edited or damaged: its plan cannot be read; {_AGAIN}") from None
    if file.digest != _digest(file.tool, file.fleet_id, _ENCODER.encode(plan)) or plan.fleet_id != fleet_id:
        raise ValueError(f"it was edited or damaged: its digest does not match; {_AGAIN}")
    return plan


def moved(plan: Plan, snapshots: Sequence[Snapshot], barred: Barred = NONE_BARRED) -> list[str]:
    """The objects of the basis that are no longer as they were, or that cannot be seen to be; what is to be made and
    stands on another host by now; and what is to be made where its project is `barred` by now.
    """
    seen = Snapshots(snapshots)
    now = {str(key): observed.digest() for key, observed in seen.objects.items()}
    moved = [
        key
        for key, digest in sorted(plan.basis.items())
        if key.rpartition("@")[2] not in seen.complete or now.get(key, ABSENT) != digest
    ]
    sure = () if plan.partial else [each.host for each in snapshots]
    once = {**taken(plan.steps, snapshots), **elsewhere(plan.steps, snapshots, sure)}
    return [*moved, *sorted(once.values()), *_barred(plan, barred)]


def _barred(plan: Plan, barred: Barred) -> list[str]:
    gone = {step.key for step in plan.steps if step.verb == "delete"}
    new = sorted({step.key for step in made_once(plan.steps)} - gone)
    return [
        f"{key} is made where project {key.address.project} may not be by now; plan again"
        for key in new
        if key.host in barred.get(str(key.address.project), ())
    ]


def _envelope(data: bytes) -> _File:
    try:
        version = msgspec.json.decode(data, type=_Format).format_version
        if version == FORMAT_VERSION:
            return msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as problem:
        raise ValueError(f"it is no whole plan file ({problem}); {_AGAIN}") from None
    raise ValueError(f"it has format version {version}, and this program reads {FORMAT_VERSION}; {_AGAIN}")


def _digest(tool: str, fleet_id: str, plan: bytes) -> str:
    return hashlib.sha256(b"\n".join([tool.encode(), fleet_id.encode(), plan])).hexdigest()
