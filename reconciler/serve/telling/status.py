"""What a controller knows about itself, as its status API, `reconciler status` and its metrics show it."""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT_VERSION = 1
State = Literal["True", "False", "Unknown"]
Seen = Literal["complete", "partial", "failed", "unknown"]
Stands = Literal["waiting", "refused", "held", "left-down", "becoming-ready", "failed", "contended", "suspended"]


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is so or not. `reason` is a stable word in CamelCase; `since` is when it last changed (UTC, ISO
    8601).
    """

    type: Literal["Ready", "SourceReady", "CommitValid", "HostsReady", "Leading", "Recorded", "Suspended", "Contended"]
    status: State
    reason: str
    message: str = ""
    since: str = ""


class HostStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a host showed when it was last looked at. `watching`: it tells by itself when something changes; `retry` is
    when one that failed is asked again (UTC, ISO 8601).
    """

    name: str
    seen: Seen
    error: str = ""
    observed: str = ""
    watching: bool = False
    retry: str = ""


class ResourceStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A resource about which there is something to say. `retry` is when it is tried again (UTC, ISO 8601)."""

    address: str
    state: Stands
    message: str = ""
    retry: str = ""


class Suspension(msgspec.Struct, frozen=True, kw_only=True):
    """What is left alone until it is resumed: `fleet`, `Host/NAME` or the address of a resource."""

    what: str
    by: str
    time: str
    reason: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it. `tip` is the branch's newest commit; `in_force` is the one that hosts are kept equal to: the newest
    without mistakes that may be deployed; `applied` is the record's. Commits are empty when there is none. `summary`
    counts the objects that the last round for the whole fleet has left, by what is to be done. `worker`: it ends with
    its work, so that nothing is tried again, or looked at, later.
    """

    format_version: int = FORMAT_VERSION
    fleet: str = ""
    fleet_id: str = ""
    branch: str = ""
    tip: str = ""
    in_force: str = ""
    applied: str = ""
    working: bool = False
    worker: bool = False
    conditions: tuple[Condition, ...] = ()
    hosts: tuple[HostStatus, ...] = ()
    resources: tuple[ResourceStatus, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    summary: dict[str, int] = {}
    last_run: str = ""
    next_resync: str = ""
