"""A published observation: what the hosts showed, for those who may not look at them, such as checks of pull requests.

It is data of ours, made harmless (`redaction`) before anybody else sees it. Reading it back gives snapshots, which a
plan takes like any others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from reconciler import __version__
from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired
from reconciler.impact import ImpactTable
from reconciler.kinds.base import REGISTRY
from reconciler.observation import Snapshot
from reconciler.prepared import prepared
from reconciler.published.redaction import UserData, redacted, restored, user_data

__all__ = ["MOST_BYTES", "TOOL", "Publication", "dump", "load", "publication", "snapshots"]

FORMAT_VERSION = 1
TOOL = __version__
MOST_BYTES = 64 << 20
"""What a published observation may have. That of a thousand instances has about 2 MiB."""
_COMMIT = re.compile(r"([0-9a-f]{40})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00", re.ASCII)
_ENCODER = msgspec.json.Encoder(order="deterministic")


@prepared
class Publication(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One look at all hosts of a fleet, redacted.

    `time` is when they were looked at (UTC, ISO 8601); `commit` is the one that they were looked at for, by which user
    data is told; `applied` the applied commit then, empty when there was none. `undeclared` are hosts of the fleet
    that nobody looks at. `tool` is the version of the program that made it.
    """

    format_version: int = FORMAT_VERSION
    tool: str = TOOL
    fleet: str
    fleet_id: str
    time: str
    commit: str
    applied: str = ""
    undeclared: tuple[str, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every host was completely seen."""
        return all(each.complete for each in self.snapshots)


@prepared
class _Format(msgspec.Struct, rename="camel"):
    """The one field that every format has."""

    format_version: int


def publication(
    desired: Desired,
    seen: Iterable[Snapshot],
    tables: Mapping[str, ImpactTable],
    *,
    commit: str,
    time: str,
    applied: str = "",
    undeclared: Sequence[str] = (),
) -> Publication:
    """What may be published of a look at the hosts for a commit, which declares `desired`. `tables` has the impact
    table of each host's driver: what no row of it is about is not published.
    """
    known = user_data(desired)
    return Publication(
        fleet=desired.name,
        fleet_id=desired.fleet_id,
        time=time,
        commit=commit,
        applied=applied,
        undeclared=tuple(sorted(undeclared)),
        snapshots=tuple(
            redacted(each, tables.get(each.host, ()), known) for each in sorted(seen, key=lambda each: each.host)
        ),
    )


def snapshots(published: Publication, declared: UserData) -> list[Snapshot]:
    """What the hosts showed. `declared` has the user data that the observation's commit declares."""
    return [restored(each, declared) for each in published.snapshots]


def dump(published: Publication) -> bytes:
    """The same observation gives the same bytes."""
    return _ENCODER.encode(published)


def load(data: bytes) -> Publication:
    """Read one back. Raises `ValueError`, with what is wrong for people."""
    try:
        version = msgspec.json.decode(data, type=_Format).format_version
        if version == FORMAT_VERSION:
            return _checked(msgspec.json.decode(data, type=Publication))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"it is damaged: {problem}") from None
    raise ValueError(f"it has format version {version}, and this program reads {FORMAT_VERSION}")


def _checked(published: Publication) -> Publication:
    """What types cannot say of it: everything in it is what planning takes for granted."""
    hosts = [each.host for each in published.snapshots]
    if len(set(hosts)) < len(hosts):
        raise ValueError("it is damaged: it has a host twice")
    if not _COMMIT.fullmatch(published.commit) or not _COMMIT.fullmatch(published.applied):
        raise ValueError("it is damaged: what it calls a commit is none")
    if not _TIME.fullmatch(published.time):
        raise ValueError("it is damaged: what it calls a time is none")
    for snapshot in published.snapshots:
        for each in snapshot.objects:
            _check_key(each.key, snapshot.host)
            for address in (each.origin, *(need.address for need in each.needs)):
                _check_address(address)
    return published


def _check_key(key: ObjectKey, host: str) -> None:
    _check_address(key.address)
    if key.host != host:
        raise ValueError(f"it is damaged: an object of {key.host} is told of {host}")


def _check_address(address: Address) -> None:
    scope = REGISTRY[address.kind].scope if address.kind in REGISTRY else None
    if scope is None or (scope == "project") != (address.project is not None) or Address.parse(str(address)) != address:
        raise ValueError(f"it is damaged: {address} is no address")
