"""The hosts of a fleet, kept open: a driver and the last snapshot of each. None holds up another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import msgspec

from reconciler.address import Address
from reconciler.driver import Driver, DriverError, DriverType, Files, HostConfig, Notice
from reconciler.observation import Failed, Snapshot

TOGETHER = 10.0
"""Seconds for which hosts are waited for together; a slower one is planned with when it has answered."""
BRIEFLY = 0.5
"""Seconds for which one is waited for that failed, fell silent or did not answer the last time."""
Heard = Callable[[Notice], None]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking at a host: what `moved` since the look before; whether it was `recovered`, that is, is
    completely seen and was not; whether it `failed`.
    """

    moved: frozenset[Address] = frozenset()
    recovered: bool = False
    failed: bool = False


class Link:
    """One host. `snapshot` is what it showed when it was last looked at; it has a `driver` while it is connected."""

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.driver: Driver | None = None
        self.watching = self.closed = self.doubtful = False
        self.snapshot = _unseen(config.name)
        self.since = ""
        self._answer: Snapshot | None = None
        self._asking: threading.Thread | None = None
        self._awaited = False
        self._turn = threading.Lock()

    def ask(self, files: Files, driver_type: Callable[[str], DriverType], heard: Heard, observing: bool) -> None:
        """Ask it, beside all else, unless it is still busy with the last question. When it answers and is no longer
        waited for, `heard` is told.
        """
        with self._turn:
            self._awaited = True
            if self._answer is not None or (self._asking is not None and self._asking.is_alive()):
                return
        arguments = (files, driver_type, heard, observing)
        self._asking = threading.Thread(target=self._ask, args=arguments, name=f"ask {self.config.name}", daemon=True)
        self._asking.start()

    def _ask(self, files: Files, driver_type: Callable[[str], DriverType], heard: Heard, observing: bool) -> None:
        try:
            driver = self.driver or self._opened(files, driver_type, heard)
            snapshot = driver.observe() if observing else _unseen(self.config.name)
            good = not observing or not isinstance(snapshot.status, Failed)
        except DriverError as problem:
            snapshot, good = _failed(self.config.name, str(problem)), False
        except Exception as bug:
            snapshot, good = _failed(self.config.name, f"unexpected {type(bug).__name__}: {bug}"), False
        if self.closed or not good:
            self.drop()
        with self._turn:
            self._answer, late = snapshot, not self._awaited
        if late:
            heard(Notice(host=self.config.name, cause="it has answered"))

    def _opened(self, files: Files, driver_type: Callable[[str], DriverType], heard: Heard) -> Driver:
        driver = driver_type(self.config.driver).open(self.config, files)
        self.driver = driver
        self.watching = driver.watch(heard)
        return driver

    def settle(self, end: float) -> None:
        """Take the answer when it is there, or comes until then on the monotonic clock."""
        if self._asking is not None:
            self._asking.join(max(0.0, end - time.monotonic()))
        with self._turn:
            answer, self._answer, self._awaited = self._answer, None, False
        if answer is not None:
            self.snapshot, self.since = answer, now()
        elif not isinstance(self.snapshot.status, Failed) or self.snapshot == _unseen(self.config.name):
            self.snapshot = _failed(self.config.name, "it has not answered yet")
        self.doubtful = answer is None or (isinstance(answer.status, Failed) and self.driver is None)

    def drop(self) -> None:
        """Let go of the connection."""
        with self._turn:
            driver, self.driver, self.watching = self.driver, None, False
        if driver is not None:
            threading.Thread(target=_close, args=(driver,), name=f"close {self.config.name}", daemon=True).start()


class Links:
    """All hosts. Only one thread may use it; notices come from any, through `heard`."""

    def __init__(self, driver_type: Callable[[str], DriverType], heard: Heard, together: float = TOGETHER) -> None:
        self._driver_type, self._heard, self._together = driver_type, heard, together
        self._links: dict[str, Link] = {}

    def use(self, hosts: Sequence[HostConfig]) -> None:
        """These are the hosts from now on. One that is reached otherwise than before is connected anew."""
        wanted = {host.name: host for host in hosts}
        for name, link in list(self._links.items()):
            if wanted.get(name) != link.config:
                link.closed = True
                link.drop()
                del self._links[name]
        for name, host in wanted.items():
            self._links.setdefault(name, Link(host))

    def lost(self, hosts: Iterable[str]) -> None:
        """The connection to these is gone."""
        for name in hosts:
            if link := self._links.get(name):
                link.drop()
                link.snapshot, link.doubtful = _failed(name, "the connection is lost"), True

    def look(self, names: Collection[str], files: Files, *, observing: bool = True) -> dict[str, Look]:
        """Look at these hosts, all at once; returns what came of it. Without `observing` they are only connected.

        One that does not answer in time is a `Failed` snapshot; when it has answered, a notice says so.
        """
        asked = [self._links[name] for name in sorted(names) if name in self._links]
        before = {link.config.name: link.snapshot for link in asked}
        begun = time.monotonic()
        for link in asked:
            link.ask(files, self._driver_type, self._heard, observing)
        for link in asked:
            link.settle(begun + (min(BRIEFLY, self._together) if link.doubtful else self._together))
        return {name: _moved(before[name], self._links[name].snapshot) for name in before}

    @property
    def all(self) -> list[Link]:
        """The links, by name of the host."""
        return [self._links[name] for name in sorted(self._links)]

    @property
    def snapshots(self) -> list[Snapshot]:
        """What each host showed last."""
        return [link.snapshot for link in self.all]

    @property
    def drivers(self) -> dict[str, Driver]:
        """The open drivers of hosts that could be observed."""
        seen = [link for link in self.all if link.driver and not isinstance(link.snapshot.status, Failed)]
        return {link.config.name: link.driver for link in seen if link.driver is not None}

    @property
    def connected(self) -> dict[str, Driver]:
        """The open drivers. May be asked by any thread."""
        return {link.config.name: link.driver for link in list(self._links.values()) if link.driver is not None}

    @property
    def hosts(self) -> list[HostConfig]:
        """How they are reached."""
        return [link.config for link in self.all]

    def close(self) -> None:
        """Let go of all."""
        self.use(())


def _moved(before: Snapshot, after: Snapshot) -> Look:
    """What is not as it was; nothing when one of both is unknown."""
    if not (before.complete and after.complete):
        return Look(recovered=after.complete, failed=isinstance(after.status, Failed))
    old = {each.key: each for each in before.objects}
    new = {each.key: each for each in after.objects}
    return Look(moved=frozenset(key.address for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _unseen(host: str) -> Snapshot:
    return _failed(host, "it was not looked at yet")


def _failed(host: str, error: str) -> Snapshot:
    return Snapshot(host=host, status=Failed(error))


def _close(driver: Driver) -> None:
    with suppress(Exception):
        driver.close()


def now() -> str:
    """This moment, as it is shown."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds")
