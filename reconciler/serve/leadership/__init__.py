"""Leading a fleet: the leases of its hosts, taken, kept and lost. What they come to is decided in `standing.py`."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Literal

from reconciler.driver import Driver, DriverError, ErrorClass, Lease
from reconciler.serve.leadership.standing import Reason, Standing, gives_way, standing
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Condition

_LOOKS = 3
"""So often within a term it is looked who leads."""
_STATES: Mapping[Reason, Literal["True", "False", "Unknown"]] = {
    "Leads": "True",
    "AnotherLeads": "False",
    "NoHostAnswers": "Unknown",
}


class Leadership:
    """Leads the fleet where it can, and tries again where it cannot, until it is closed.

    `hosts` gives the open drivers, by host; it is asked again and again, from a thread of ours. `changed` is told, in
    that thread, when we begin to lead (True) and when we no longer do (False): running steps may finish then, and no
    other may start. That it must be called soon is a courtesy, not a safeguard: that is `check`, in front of each step.
    `term` is in seconds.
    """

    def __init__(
        self,
        hosts: Callable[[], Mapping[str, Driver]],
        term: float,
        journal: Journal,
        changed: Callable[[bool], None],
    ) -> None:
        self._hosts, self._term, self._journal, self._changed = hosts, term, journal, changed
        self._held: dict[str, _Held] = {}
        self._why: dict[str, str] = {}
        self._standing = Standing(reason="NoHostAnswers", message="no host was asked yet")
        self._since = ""
        self._told: bool | None = None
        self._turn, self._over = threading.Lock(), threading.Event()

    def start(self) -> None:
        """Find out who leads, and go on doing so in a thread."""
        self.tend()
        threading.Thread(target=self._live, name="leadership", daemon=True).start()

    def _live(self) -> None:
        while not self._over.wait(self._term / _LOOKS * random.uniform(0.8, 1.0)):  # noqa: S311 - no secret
            try:
                self.tend()
            except Exception as bug:  # whoever looks no more would lead, or wait, for ever
                self._journal.tell("LeadershipFailed", f"unexpected {type(bug).__name__}: {bug}", "error")

    @property
    def leads(self) -> bool:
        """Whether we may work, as far as was seen when it was last looked."""
        return self._standing.leads

    def condition(self) -> Condition:
        """What there is to say about it; waits for nothing."""
        now = self._standing
        return Condition(
            type="Leading", status=_STATES[now.reason], reason=now.reason, message=now.message, since=self._since
        )

    def check(self, host: str) -> None:
        """Raises `DriverError` (held) unless we lead on that host now: asked in front of each step."""
        held = self._held.get(host)
        if held is None:
            why = self._why.get(host, "its lease was not asked for yet")
            raise DriverError(ErrorClass.HELD, f"this controller does not lead on host {host}: {why}")
        held.check()

    def tend(self) -> None:
        """Look once who leads; also to be called when a host was connected anew, so that it can be worked on."""
        with self._turn:
            if self._over.is_set():
                return
            now = self._looked(dict(self._hosts()))
            if now.reason != self._standing.reason or now.left != self._standing.left:
                self._tell(now)
            self._standing = now
            turned, self._told = self._told != now.leads, now.leads
        if turned:
            self._changed(now.leads)

    def _looked(self, hosts: Mapping[str, Driver]) -> Standing:
        """Hosts are asked in the order of their names, and no further once we are refused and have to give way."""
        for gone in self._held.keys() - hosts.keys():
            self._drop(gone)
        refused: dict[str, str] = {}
        silent: dict[str, str] = {}
        for host, driver in sorted(hosts.items()):
            problem = self._kept(host, driver)
            if problem is None:
                continue
            (refused if problem.error_class is ErrorClass.HELD else silent)[host] = str(problem)
            if host in refused and gives_way(host, self._held):
                for held in list(self._held):
                    self._drop(held)
                break
        self._why = refused | silent
        return standing(self._held, refused, silent)

    def _kept(self, host: str, driver: Driver) -> DriverError | None:
        """Have the lease of a host; gives why not, when that is so."""
        held = self._held.get(host)
        if held and held.driver is driver and held.ours():
            return None
        if held:
            self._drop(host)
        try:
            self._held[host] = _Held(driver, self._term)
        except DriverError as problem:
            return problem
        except Exception as bug:  # a driver's mistake is no reason to stop looking at the others
            return DriverError(ErrorClass.YOURS, f"unexpected {type(bug).__name__}: {bug}")
        return None

    def _drop(self, host: str) -> None:
        self._held.pop(host).release()

    def _tell(self, now: Standing) -> None:
        self._since = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._journal.tell(now.reason, now.message, "info" if now.reason == "Leads" else "warning")

    def close(self) -> None:
        """Let another lead."""
        self._over.set()
        with self._turn:
            for host in list(self._held):
                self._drop(host)


class _Held:
    """The lease of one host, asked by one thread at a time."""

    def __init__(self, driver: Driver, term: float) -> None:
        self.driver = driver
        self._turn, self._stack = threading.Lock(), ExitStack()
        self._lease: Lease = self._stack.enter_context(driver.lead(term))

    def check(self) -> None:
        """Raises `DriverError` (held) when it is no longer ours."""
        with self._turn:
            self._lease.check()

    def ours(self) -> bool:
        """Whether it still is."""
        try:
            self.check()
        except Exception:
            return False
        return True

    def release(self) -> None:
        """Give it back; one that is lost already hinders nothing."""
        with self._turn, suppress(Exception):
            self._stack.close()
