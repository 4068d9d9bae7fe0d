"""The plan: everything that apply will do, decided once."""

from __future__ import annotations

from typing import Literal

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Diagnostic, Place
from reconciler.impact import Impact
from reconciler.objects import Await, Readiness, Value, Wanted

Action = Literal["create", "update", "replace", "delete"]
Verb = Literal["create", "update", "delete"]
Origin = Literal["commit", "drift", "unknown"]
Extent = Literal["whole", "targeted", "emptied"]
"""Whether all that the source desires was planned for, only some resources that were asked for, or that all goes."""


class Granted(msgspec.Struct, frozen=True, tag="granted"):
    """The change may be applied."""


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """The change waits for consent; `words` is the option that gives it."""

    words: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The change cannot be allowed as things are; `why` says what to do instead."""

    why: str


Consent = Granted | Waiting | Refused


class Possibility(msgspec.Struct, frozen=True):
    """An impact that a change may have, and the condition (a name of `impact.CONDITIONS`) under which it has it."""

    impact: Impact
    when: str


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field that differs. `form` says whether the stored or only the running form does.

    `consent` is the field's own: what waits or is refused never holds up the other fields of its object. What is not
    `certain` follows from something that nobody looked at: the impact is then the worst of those that are `possible`,
    or, where there is but one, the value is assumed.
    """

    path: str
    before: Value
    after: Value
    impact: Impact
    origin: Origin
    form: Literal["stored", "running"] = "stored"
    certain: bool = True
    possible: tuple[Possibility, ...] = ()
    reason: str = ""
    consent: Consent = Granted()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one object, and whether it may. `reason` and `disturbs` are for display only.

    `consent` is the strictest of the fields' own. A change that waits may therefore have a step all the same, which
    carries out the fields that are granted. `assumed`: nobody looked at the host, so that it may be another one, or not
    as it is taken to be.
    """

    key: ObjectKey
    action: Action
    impact: Impact
    consent: Consent = Granted()
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    disturbs: tuple[Address, ...] = ()
    place: Place | None = None
    assumed: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One act of a driver.

    `expect` is the digest of the object that was planned on, or None when it was absent; a driver re-reads and
    refuses (race) when it differs. `impact` is what the plan announced: a driver may not do more than that.
    `paths` are the fields that an update changes; beside fields of `wanted` they may say `address` (renamed) and
    `guards`, which live in the metadata only. `waiting` are the fields whose change is not granted: `wanted` has the
    values that were observed of them, and they do not count as applied. `after` are step ids that must have succeeded.
    `ready` is set when the step starts a guest: it has succeeded only once the guest is ready. `awaits` are guests
    without a step that must be ready before this one begins.
    """

    id: str
    key: ObjectKey
    verb: Verb
    impact: Impact = Impact.NONE
    wanted: Wanted | None = None
    paths: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    expect: str | None = None
    after: tuple[str, ...] = ()
    ready: Readiness | None = None
    awaits: tuple[Await, ...] = ()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look at the hosts that somebody else took and published: when (UTC, ISO 8601), how many seconds that is ago,
    for which commit, and who signed it (empty when nobody asked).
    """

    time: str
    age: int
    commit: str
    signer: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the desired state was read: a commit, or the work tree on top of one. Two things can stand in for a look at
    the hosts: what the commit `base` declares, or a `look` that was published. Without either they were looked at.
    """

    commit: str = ""
    work_tree: bool = False
    base: str = ""
    look: Look | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Changes for people, steps for apply.

    `basis` has a digest per object that the plan touches or relies on, by its `ObjectKey` under its origin; empty
    when the object was absent. `partial`: a host was not completely seen, so nothing is planned there. Diagnostics
    never hold up the steps: what they are about has none. `retained` are objects that nobody declares any more and
    that stay, such as volumes with data. `held` says in one line, by address, why a declared resource is left as it is:
    it has no host, no address, or needs something that is held. `left_down` says the same of guests that are to run,
    are down, and stay so by their restart policy: that is no change. `extent` says what was planned for.
    """

    fleet: str
    fleet_id: str
    source: Source
    basis: dict[str, str] = {}
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    retained: tuple[ObjectKey, ...] = ()
    held: dict[str, str] = {}
    left_down: dict[str, str] = {}
    partial: bool = False
    extent: Extent = "whole"
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do and nothing that waits."""
        return not self.changes


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a step. `unready`: it failed although all was done, since its guest did not become ready."""

    step: str
    status: Literal["succeeded", "failed", "skipped", "not-run"]
    error: str = ""
    blocked_by: str = ""
    race: bool = False
    unready: bool = False
