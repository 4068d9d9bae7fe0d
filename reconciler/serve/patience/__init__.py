"""What may not be done now, and why: it is suspended, given up after a fight, or failed a moment ago."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Collection, Iterable

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.plan import Outcome, Plan, Step
from reconciler.serve.patience import suspension
from reconciler.serve.patience.backoff import Backoff
from reconciler.serve.patience.contention import WINDOW, Contention
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Suspension
from reconciler.suggest import listed

ROUND = "round"
"""What is tried again when a round failed as a whole."""
HOST = "Host/"
"""With what the names of hosts begin among what is tried again."""
LONGEST_AWAY = 60.0
"""Seconds after which a host that failed is asked again: nobody tells that it is back."""


class Patience:
    """Holds back steps. Only one thread may use it, but for `suspensions`, `hosts_away` and `resume`."""

    def __init__(self, journal: Journal) -> None:
        self.suspensions: tuple[Suspension, ...] = ()
        self.unreadable = ""
        self.backoff = Backoff[str](random.random)
        self.contention = Contention[Address]()
        self._journal = journal
        self._turn = threading.Lock()
        self._desired: Desired | None = None
        self._manifests: dict[Address, str] = {}
        self._raced: set[Address] = set()

    def of(self, desired: Desired) -> None:
        """The manifests that are in force from now on."""
        if desired is not self._desired:
            self._desired, self._manifests = desired, {}

    def why_not(self, step: Step, now: float) -> str:
        """Why a step may not be done now; empty when it may."""
        address = step.key.address
        if self.unreadable:
            return f"what is suspended cannot be read ({self.unreadable}); `reconciler resume fleet` forgets it"
        if why := suspension.why_not(self.suspensions, step):
            return why
        if self._given_up(address):
            return f"it was put back too often within {WINDOW / 60:.0f} minutes: reconciler resume {address}"
        due = self.backoff.waiting(now).get(str(address))
        return "" if due is None else f"it failed, and is tried again in {due - now:.0f} s"

    def resume(self, address: Address) -> bool:
        """Take up what was given up; whether it was."""
        with self._turn:
            return self.contention.resume(address)

    @property
    def contended(self) -> list[Address]:
        """What was given up."""
        with self._turn:
            return sorted(self.contention.all)

    def learn(self, run: Plan, outcomes: Iterable[Outcome], settled: bool, now: float) -> None:
        """Remember what became of a run. `settled`: all was in order for this commit before, so that what was done now
        puts back what somebody else had changed.
        """
        steps = {step.id: step for step in run.steps}
        worked: dict[Address, bool] = {}
        done: dict[Address, set[str]] = {}
        for outcome in outcomes:
            step = steps[outcome.step]
            address = step.key.address
            if outcome.race and address not in self._raced:
                self._raced.add(address)  # it only has to be looked at again; the second time in a row it has to wait
            elif outcome.status == "failed":
                worked[address] = False
            elif outcome.status == "succeeded":
                worked.setdefault(address, True)
                done.setdefault(address, set()).update(_things(step))
        for address, good in worked.items():
            self._learn_of(address, done[address] if good else (), settled, now)

    def _learn_of(self, address: Address, done: Collection[str], settled: bool, now: float) -> None:
        """What was done of an object that worked; nothing where it failed."""
        if not done:
            due = self.backoff.failed(str(address), now)
            self._journal.tell("Retry", f"{address} is tried again in {due - now:.0f} s", "debug", address=str(address))
            return
        self._raced.discard(address)
        before = self.backoff.known(str(address))
        self.backoff.worked(str(address))
        with self._turn:
            manifest = self._manifest(address)
            fought = settled and not before and self.contention.reverted(address, done, manifest, now)
        if fought:
            text = (
                f"{address} was put back too often within {WINDOW / 60:.0f} minutes ({listed(sorted(done))} last): "
                f"it is left alone until its manifest changes, or: reconciler resume {address}"
            )
            self._journal.tell("Contended", text, "error", address=str(address))

    def host_failed(self, name: str, now: float) -> None:
        """A host could not be reached or seen once more."""
        self.backoff.failed(f"{HOST}{name}", now, LONGEST_AWAY)

    def hosts_away(self, now: float) -> dict[str, float]:
        """When hosts that failed are asked again, by name."""
        waiting = self.backoff.waiting(now)
        return {key.removeprefix(HOST): due for key, due in waiting.items() if key.startswith(HOST)}

    def anew(self) -> None:
        """Another commit is in force: what failed before may work now. Hosts are not better for it."""
        self.backoff.keep({key for key in self.backoff.all if key.startswith(HOST)})

    def keep(self, addresses: Collection[Address], hosts: Collection[str]) -> None:
        """Forget failures of what needs nothing any more."""
        self.backoff.keep({*map(str, addresses), *(f"{HOST}{name}" for name in hosts)})

    def _given_up(self, address: Address) -> bool:
        with self._turn:
            return self.contention.given_up(address, self._manifest(address))

    def _manifest(self, address: Address) -> str:
        """What tells a manifest from another one."""
        if address not in self._manifests:
            resource = self._desired.resources.get(address) if self._desired else None
            data = msgspec.json.encode(resource.spec, order="deterministic") if resource else b""
            self._manifests[address] = hashlib.sha256(data).hexdigest()
        return self._manifests[address]


def _things(step: Step) -> Collection[str]:
    """What a step puts back: fields, or the whole object; another part of an object is another thing."""
    return [f"{step.key.part}#{name}" if step.key.part else name for name in step.paths or (step.verb,)]
