"""The contract between the core and a hypervisor.

A driver is found by the entry point group `reconciler.drivers`. One contract suite (`tests/contract`) runs on all.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from reconciler.address import Address
from reconciler.impact import ImpactTable
from reconciler.objects import Observed
from reconciler.observation import Sighting, Snapshot
from reconciler.plan import Step


class ErrorClass(enum.StrEnum):
    """Errors are classed once, in the driver; the core acts on the class alone."""

    GONE = "gone"
    EXISTS = "exists"
    TRANSIENT = "transient"
    RACE = "race"
    UNSUPPORTED = "unsupported"
    NOT_FOLLOWED = "not-followed"
    HELD = "held"
    YOURS = "yours"


class DriverError(Exception):
    """A hypervisor said no. `error_class` decides what happens next: `transient` is retried, `race` means that the
    object is not what the plan was made for, `held` that another writer has the host, the rest is reported.
    """

    def __init__(self, error_class: ErrorClass, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class


class HostConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a host is reached: `connection` is its section of the trusted configuration, verbatim, for its driver.

    `patience` is how many seconds the host has to answer; None for what suits most.

    `cache` is a file in which the driver may keep what it can have again at a price; empty: it keeps nothing.
    """

    name: str
    driver: str
    fleet: str
    fleet_id: str
    connection: dict[str, object] = {}
    cache: str = ""
    patience: float | None = None


class Files(Protocol):
    """Where content that manifests only name is to be had. Implemented by the edge; used by drivers during apply."""

    def fetch(self, source: str, sha256: str) -> Path:
        """A local file with that content, verified; raises `DriverError` (yours) when it cannot be had."""

    def secret(self, name: str) -> str:
        """A secret of the trusted configuration, resolved now; raises `DriverError` (yours) when it cannot be had.

        What it gives must reach no log, plan, digest, error or command line.
        """


class Progress(Protocol):
    """What a driver tells while it works."""

    def call(self, name: str, target: str) -> None:
        """A modifying call is about to be made. Every one is announced: the call log of a run is made of these."""

    def note(self, text: str) -> None:
        """Something for people: what is being waited for."""


class Lease(Protocol):
    """The right to write to a host."""

    def check(self) -> None:
        """Raises `DriverError` (held) when the lock is no longer ours."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened on a host; what is so now has to be looked up. `address` None: more than one object may be
    concerned. `cause` is for people, in a few words. `lost`: the connection is gone, and with it further notices.
    """

    host: str
    address: Address | None = None
    cause: str = ""
    lost: bool = False


class Driver(Protocol):
    """One host."""

    def lock(self) -> AbstractContextManager[Lease]:
        """Become the host's only writer, or raise `DriverError` (held). The lock goes when the process goes."""

    def lead(self, term: float) -> AbstractContextManager[Lease]:
        """Become the fleet's controller as far as this host can tell, or raise `DriverError` (held).

        It is a lease: it goes when the process goes, and when the process has been silent for `term` seconds (stopped,
        or cut off from the host). Other fleets' controllers are no hindrance, and neither are runs that hold `lock`.
        """

    def watch(self, heard: Callable[[Notice], None]) -> bool:
        """From now on call `heard`, from any thread and without delay, whenever something of ours on the host changes,
        until the driver is closed. It must return at once. False when the host cannot tell: then only looking helps.
        Not all has to be told: volumes and filters never are. A notice may come twice, late, or for what we did
        ourselves, and never for a look; after one that is `lost`, `watch` again. Raises `DriverError` when the host
        cannot be reached.
        """

    def observe(self) -> Snapshot:
        """All that is ours on the host; never modifies. A host that cannot be read is a `Failed` snapshot."""

    def glance(self) -> str:
        """The `look` of the snapshot that `observe` would give now, where that can be had for less; else empty.

        Raises `DriverError`.
        """

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        """Carry a step out and return what is there now, read back (None when it is gone).

        Idempotent: creating what stands identically and deleting what is gone both succeed. Raises `DriverError`.
        """

    def ready(self, instance: Address, check: str) -> str:
        """Look once, for seconds at most, whether an instance passes a readiness check: empty when it does, else
        what is still missing, in a few words. Never modifies. Raises `DriverError` when it cannot become ready.
        """

    def survey(self) -> Sequence[Sighting]:
        """Everything on the host, ours or not; never modifies."""

    def console(self, address: Address) -> Sequence[str]:
        """The command that shows an instance's serial console."""

    def reach(self) -> Sequence[str]:
        """A command prefix under which this host's guests can be connected to (empty: from here)."""

    def proxy(self) -> Sequence[str]:
        """A command that carries a TCP connection to a guest on its standard input and output, with `%h` and `%p` for
        where to; empty when none is needed. SSH takes it as `ProxyCommand`.
        """

    def doctor(self) -> Sequence[tuple[bool, str, str]]:
        """Checks of the host: (passed, what was checked, what to do when it failed)."""

    def close(self) -> None:
        """Let go of the connection."""


class DriverType(Protocol):
    """A driver before it is connected: importable without the hypervisor's library."""

    name: str
    impacts: ImpactTable

    def check(self, host: HostConfig) -> None:
        """Raises `DriverError` (yours) when the host's section of the trusted configuration has a mistake; what it
        says ends with where, as msgspec does: "… - at `$.channel.prefix[0]`". Touches nothing.
        """

    def open(self, host: HostConfig, files: Files) -> Driver:
        """Connect to a host. Raises `DriverError`."""
