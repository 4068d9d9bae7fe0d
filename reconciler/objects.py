"""Objects, wanted and observed: the common language of the core and the drivers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place

Value = str | int | bool | None | tuple[str, ...]
"""What a field can hold. Sizes are bytes; whoever makes a list sorts it, unless its order means something."""

Fields = Mapping[str, Value]
"""Dotted path (`nics.lan.address`) to value. Names in a path are DNS labels, so they hold no dot."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


def number(value: Value) -> int:
    """A value that can be nothing but a number, as a field's meaning has it."""
    assert isinstance(value, int)
    return value


def texts(value: Value) -> tuple[str, ...]:
    """A value that can be nothing but a list of texts; None is an empty one."""
    assert value is None or isinstance(value, tuple)
    return value or ()


def digest(value: object) -> str:
    """A short, stable digest of any value of the core (16 hex digits of SHA-256 over canonical JSON)."""
    return hashlib.sha256(_ENCODER.encode(value)).hexdigest()[:16]


class Readiness(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """When an instance counts as ready: `check` is `none`, `running`, `address`, `agent`, `cloud-init` or `tcp:PORT`;
    `deadline` is how many seconds it has.
    """

    check: str = "running"
    deadline: int = 300


class Await(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An object that has to be ready before another is made or started. `origin` is None where it is the address."""

    key: ObjectKey
    readiness: Readiness
    origin: Address | None = None


RestartPolicy = Literal["Always", "OnCrash", "Never"]
"""Which guests that came to their end without being asked to are started again: all, those that did not shut down from
within, none.
"""
STARTING = "starting"
"""The mark on a guest whose start was asked for and not seen yet. A driver writes it before it stops or starts a guest
whose end would be taken for the guest's own if the run were cut off in between, and drops it once the guest runs.
"""
ENDED_BY_GUEST = "ended:guest"
"""The mark on a guest that shut down from within and is left down."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What one object should be.

    `fields` are compared with what is observed; every one of them is owned by us. `payload` is what a driver needs
    to make the object but cannot read back (the text behind a digest, where an image comes from): it is never
    compared and never shown. `needs` are the objects that must stand before this one. `guards` are marks that the
    object carries and that deletion or consent asks for. `ready` is when it counts as ready once it was started;
    `awaits` are those that must be ready before (`dependsOn`). `restart` says what becomes of a guest that is down and
    was not asked to be.
    """

    key: ObjectKey
    origin: Address
    fields: dict[str, Value]
    payload: dict[str, str] = {}
    needs: tuple[ObjectKey, ...] = ()
    guards: tuple[str, ...] = ()
    ready: Readiness | None = None
    awaits: tuple[Await, ...] = ()
    restart: RestartPolicy = "Always"
    place: Place | None = None


Ended = Literal["", "guest", "crash", "host", "unknown"]


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What one object of ours is.

    `key` has the address written on the object; `origin` is what its identity (UUID, name) was derived from.
    `stored` is the persistent form, `running` the live one (None when nothing runs). `owned` holds a digest of the
    value last applied per path, which tells drift from commit. `incomplete`: only parts are there, as after a crash
    in the middle of a create or a delete. `needs` are the objects that it is seen to use. `ended` says of a guest that
    does not run how it came to its end: `guest` shut down from within, `crash` died, `host` was switched off from
    outside, `unknown` when nobody can tell any more.
    """

    key: ObjectKey
    origin: Address
    uid: str
    stored: dict[str, Value]
    running: dict[str, Value] | None = None
    owned: dict[str, str] = {}
    guards: tuple[str, ...] = ()
    commit: str = ""
    needs: tuple[ObjectKey, ...] = ()
    incomplete: bool = False
    ended: Ended = ""

    def digest(self) -> str:
        """What a plan was decided on: it changes whenever anything that we compare or rely on changes."""
        return digest([self.uid, self.stored, self.running, self.guards, sorted(self.needs), self.incomplete])
