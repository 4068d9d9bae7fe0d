"""Reaching hosts: all at once, each with the same time to answer, none holding up another."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

import msgspec

from reconciler.diagnostic import Diagnostic
from reconciler.driver import Driver, DriverError, DriverType, Files, HostConfig
from reconciler.observation import Failed, Snapshot


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts of a fleet, a snapshot of each, and the open drivers of those that answered, by host name.

    `diagnostics` are what is to be said about how the hosts are reached; `undeclared` are hosts of the fleet that no
    manifest names, so that nobody looked at them.
    """

    hosts: list[HostConfig]
    snapshots: list[Snapshot]
    drivers: dict[str, Driver]
    diagnostics: tuple[Diagnostic, ...] = ()
    undeclared: tuple[str, ...] = ()

    def close(self) -> None:
        """Let go of all hosts; one that cannot be closed any more hinders nothing."""
        for driver in self.drivers.values():
            with contextlib.suppress(Exception):
                driver.close()


def reach(
    hosts: Sequence[HostConfig],
    files: Files,
    deadline: float,
    driver_type: Callable[[str], DriverType],
    known: Mapping[str, str] = {},
) -> Reached:
    """Open and observe all hosts, in parallel. A host that fails, or does not answer within its own `patience`, else
    within `deadline` seconds, is a `Failed` snapshot and has no driver. One of which the `look` is `known` is not
    observed as long as it has that: its snapshot has nothing else.
    """
    answers: SimpleQueue[tuple[Driver | None, Snapshot]] = SimpleQueue()
    for host in hosts:
        arguments = (host, files, driver_type, known.get(host.name, ""), answers)
        threading.Thread(target=_visit, args=arguments, name=f"observe {host.name}", daemon=True).start()
    limits = {host.name: host.patience or deadline for host in hosts}
    found = _gather(answers, limits)
    silent = {name: _failed(name, f"no answer within {limit:g} s") for name, limit in limits.items()}
    results = {host.name: found.get(host.name) or (None, silent[host.name]) for host in hosts}
    return Reached(
        hosts=list(hosts),
        snapshots=[snapshot for _, snapshot in results.values()],
        drivers={name: driver for name, (driver, _) in results.items() if driver is not None},
    )


def _gather(
    answers: SimpleQueue[tuple[Driver | None, Snapshot]], limits: Mapping[str, float]
) -> Mapping[str, tuple[Driver | None, Snapshot]]:
    """Whatever came in time. A thread that hangs in a hypervisor's library cannot be ended, only left behind."""
    begin = time.monotonic()
    found: dict[str, tuple[Driver | None, Snapshot]] = {}
    while missing := limits.keys() - found.keys():
        end = begin + max(limits[name] for name in missing)
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        found[answer[1].host] = answer
    return found


def _visit(
    host: HostConfig,
    files: Files,
    driver_type: Callable[[str], DriverType],
    known: str,
    answers: SimpleQueue[tuple[Driver | None, Snapshot]],
) -> None:
    driver: Driver | None = None
    try:
        driver = driver_type(host.driver).open(host, files)
        same = known and driver.glance() == known
        snapshot = Snapshot(host=host.name, look=known) if same else driver.observe()
    except DriverError as problem:
        snapshot = _failed(host.name, str(problem))
    except Exception as bug:
        snapshot = _failed(host.name, f"unexpected {type(bug).__name__}: {bug}")
    answers.put((driver, snapshot))


def _failed(host: str, error: str) -> Snapshot:
    return Snapshot(host=host, status=Failed(error))
