"""Guests that were started and are not ready yet: who is looked at when, and until when. Time is a parameter."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from reconciler.address import Address
from reconciler.objects import Readiness
from reconciler.plan import Outcome, Step
from reconciler.serve.patience.started import AT_ONCE, Started
from reconciler.serve.telling.status import ResourceStatus

LOOK = 1.0
"""Seconds from one look at a guest to the next."""
LOOK_LATE = 5.0
"""The same, once its deadline is past."""
TELL = 10.0
"""Seconds after which people are told again of what stays the same."""
FRESH = 60.0
"""Seconds for which one that was seen to be ready counts as such, for a step that depends on it."""


class Guest(msgspec.Struct, kw_only=True):
    """A guest that is not ready. `commit` is the one for which it was last written. `end`, `look` and `tell` are
    moments; `late`: its deadline is past, or waiting for it is in vain (`vain`); `told`: that was written down.
    `asked`: no commit has to wait for it, but for a step that depends on it.
    """

    step: Step
    readiness: Readiness
    commit: str
    end: float
    missing: str = "it was not looked at yet"
    look: float = 0.0
    tell: float = 0.0
    late: bool = False
    vain: bool = False
    told: bool = False
    asked: bool = False

    @property
    def words(self) -> str:
        """What it lacks, for people."""
        return f"({self.readiness.check}): {self.missing}"


class News(msgspec.Struct, frozen=True):
    """What is new of a guest, for people; whether it is that it is `ready`."""

    text: str
    ready: bool = False


class Becoming:
    """Only one thread may use it."""

    def __init__(self) -> None:
        self.guests: dict[Address, Guest] = {}
        self._ready: dict[Address, str] = {}
        self._seen: dict[Address, float] = {}

    def begin(self, started: Started, now: float, *, asked: bool = False) -> None:
        """A guest was started; `asked`: it runs, and a step depends on it."""
        step = started.step
        assert step.ready is not None, "it is known when it is ready"
        named = msgspec.structs.replace(step, id=f"ready {step.key}", after=(), awaits=())  # unlike any id of a plan
        end = now + step.ready.deadline
        guest = Guest(step=named, readiness=step.ready, commit=started.commit, end=end, look=now, asked=asked)
        self.guests[step.key.address] = guest
        self._seen.pop(step.key.address, None)
        if not asked:
            self._ready.pop(step.key.address, None)

    def started(self, address: Address) -> None:
        """It was started: that it was ready before says nothing."""
        self._seen.pop(address, None)

    def known(self, started: Started) -> bool:
        """Whether its commit waits for it already, or it was ready since it was last written."""
        address = started.step.key.address
        waited = address in self.guests and not self.guests[address].asked
        return waited or self._ready.get(address) == started.commit

    def fresh(self, address: Address, now: float) -> bool:
        """Whether it was seen to be ready a moment ago."""
        return now - self._seen.get(address, -FRESH) < FRESH

    def seen_ready(self, addresses: Collection[Address]) -> set[Address]:
        """Those of them that were seen to be ready since they were last started, or asked for."""
        return self._seen.keys() & set(addresses)

    def no_longer_asked(self, awaited: Collection[Address]) -> None:
        """These are all on which a step depends: others that are only waited for because of that are not any more."""
        for address in {address for address, each in self.guests.items() if each.asked} - set(awaited):
            del self.guests[address]

    def due(self, now: float) -> list[Guest]:
        """Those to look at now; who has waited longest for it comes first."""
        return sorted((each for each in self.guests.values() if each.look <= now), key=lambda each: each.look)

    def looked(self, address: Address, missing: str, now: float, *, hopeless: bool = False) -> News | None:
        """What a look has shown: empty when it is ready."""
        guest = self.guests.get(address)
        if guest is None:
            return None
        if not missing:
            return self._is_ready(address, guest, now)
        new = missing != guest.missing or now >= guest.tell
        guest.missing = missing
        guest.vain = guest.vain or hopeless
        guest.late = guest.late or guest.vain or now >= guest.end
        guest.look = now + (LOOK_LATE if guest.late else LOOK)
        if guest.late or not new:
            return None
        guest.tell = now + TELL
        return News(f"waiting until {address} is ready {guest.words}; {guest.end - now:.0f} s left")

    def _is_ready(self, address: Address, guest: Guest, now: float) -> News:
        del self.guests[address]
        self._seen[address] = now
        if not guest.asked:
            self._ready[address] = guest.commit
        past = f", {now - guest.end:.0f} s after its time was up" if guest.late and now > guest.end else ""
        return News(f"{address} is ready{past}", ready=True)

    def overdue(self, guest: Guest, now: float) -> None:
        """It cannot be looked at now; its time passes all the same."""
        guest.late = guest.late or now >= guest.end

    def left_down(self, addresses: Collection[Address]) -> None:
        """These are down, and nobody starts them: they are not waited for, and count no more once that is written
        down.
        """
        for address in self.guests.keys() & set(addresses):
            guest = self.guests[address]
            guest.late = guest.vain = True
            guest.missing = "it is down, and is left so"
            if guest.told:
                del self.guests[address]

    def anew(self, wanted: Mapping[Address, Readiness], now: float) -> None:
        """Another commit is in force, in which these are to be ready: they have all their time again."""
        for address, guest in list(self.guests.items()):
            readiness = wanted.get(address)
            if readiness is None or readiness.check in AT_ONCE:
                del self.guests[address]
                continue
            guest.readiness, guest.end, guest.look = readiness, now + readiness.deadline, now
            guest.late = guest.vain = guest.told = False

    def forget(self) -> None:
        """Another controller works."""
        self.guests.clear()
        self._ready.clear()
        self._seen.clear()

    @property
    def pending(self) -> list[Address]:
        """Those that are still waited for."""
        return sorted(address for address, each in self.guests.items() if not each.late)

    @property
    def states(self) -> dict[Address, bool]:
        """All of them, and whether they are late."""
        return {address: each.late for address, each in self.guests.items()}

    @property
    def late(self) -> list[tuple[Step, Outcome]]:
        """Those that did not become ready in time, as what became of the steps that started them."""
        return [(each.step, _outcome(each)) for _, each in sorted(self.guests.items()) if each.late]

    def untold(self) -> set[str]:
        """The steps of those that are late, of which nothing was written down; from now on it is."""
        new = {each.step.id for each in self.guests.values() if each.late and not each.told}
        for each in self.guests.values():
            each.told = each.told or each.late
        return new

    @property
    def shown(self) -> dict[Address, ResourceStatus]:
        """All of them, for the status."""
        return {
            address: ResourceStatus(
                address=str(address),
                state="failed" if each.late else "becoming-ready",
                message=f"not ready {each.words}",
            )
            for address, each in self.guests.items()
        }


def _outcome(guest: Guest) -> Outcome:
    """Why a guest counts as not ready."""
    advice = f"look at it with `reconciler console {guest.step.key.address}`"
    when = "" if guest.vain else f", {guest.readiness.deadline} s after it was started"
    error = f"it is not ready {guest.words}{when}; {advice}"
    return Outcome(step=guest.step.id, status="failed", error=error, unready=True)
