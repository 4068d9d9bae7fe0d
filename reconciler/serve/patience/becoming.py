"""Guests that were started and are not ready yet: who is looked at when, and until when. Time is a parameter."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from reconciler.address import Address
from reconciler.objects import Readiness
from reconciler.plan import Outcome, Step
from reconciler.serve.telling.status import ResourceStatus

LOOK = 1.0
"""Seconds from one look at a guest to the next."""
LOOK_LATE = 10.0
"""The same, once its deadline is past."""
TELL = 10.0
"""Seconds after which people are told again of what stays the same."""
AT_ONCE = ("", "none", "running")
"""Checks that nothing is looked at for: that a guest runs was read back."""


class Guest(msgspec.Struct, kw_only=True):
    """A guest that is not ready. `end`, `look` and `tell` are moments; `late`: its deadline is past, or waiting for it
    is in vain; `told`: that was written down.
    """

    step: Step
    readiness: Readiness
    end: float
    missing: str = "it was not looked at yet"
    look: float = 0.0
    tell: float = 0.0
    late: bool = False
    told: bool = False

    @property
    def words(self) -> str:
        """What it lacks, for people."""
        return f"({self.readiness.check}): {self.missing}"


class Becoming:
    """Only one thread may use it."""

    def __init__(self) -> None:
        self.guests: dict[Address, Guest] = {}

    def begin(self, step: Step, now: float, *, late: bool = False) -> None:
        """A step has started a guest. `late`: it was waited for in the run, in vain, which is written down."""
        assert step.ready is not None, "it is known when it is ready"
        named = msgspec.structs.replace(step, id=f"ready {step.key}", after=(), awaits=())  # unlike any id of a plan
        guest = Guest(step=named, readiness=step.ready, end=now + step.ready.deadline, look=now)
        if late:
            guest.missing, guest.late, guest.told = "it was waited for in vain", True, True
        self.guests[step.key.address] = guest

    def due(self, now: float) -> list[Guest]:
        """Those to look at now."""
        return [each for each in self.guests.values() if each.look <= now]

    def next(self) -> float | None:
        """When the next one is looked at; None where all are ready."""
        return min((each.look for each in self.guests.values()), default=None)

    def looked(self, address: Address, missing: str, now: float, *, hopeless: bool = False) -> str:
        """What a look has shown: empty when it is ready. Returns what is new for people, if anything is."""
        guest = self.guests.get(address)
        if guest is None:
            return ""
        if not missing:
            del self.guests[address]
            return f"{address} is ready"
        new = missing != guest.missing or now >= guest.tell
        if guest.late:
            guest.look, guest.missing = now + LOOK_LATE, missing
            return ""
        guest.look, guest.missing = now + LOOK, missing
        guest.late = hopeless or now >= guest.end
        if guest.late or not new:
            return ""
        guest.tell = now + TELL
        return f"waiting until {address} is ready {guest.words}; {guest.end - now:.0f} s left"

    def anew(self, wanted: Mapping[Address, Readiness], now: float) -> None:
        """Another commit is in force, in which these are to be ready: they have all their time again."""
        for address, guest in list(self.guests.items()):
            readiness = wanted.get(address)
            if readiness is None or readiness.check in AT_ONCE:
                del self.guests[address]
                continue
            guest.readiness, guest.end, guest.look = readiness, now + readiness.deadline, now
            guest.late = guest.told = False

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
    error = f"it is not ready {guest.words}, {guest.readiness.deadline} s after it was started; {advice}"
    return Outcome(step=guest.step.id, status="failed", error=error, unready=True)
