"""The right to write: the locks of hosts, and a second look under them at what may stand only once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TypeVar

import msgspec

from reconciler.driver import Driver, DriverError, ErrorClass, Lease
from reconciler.observation import Failed, Snapshot
from reconciler.once import elsewhere, relying, taken
from reconciler.plan import Step

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a host has to give its lock, and to be looked at once more."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The leases of the hosts whose locks we hold. `refused` says of the others why not; `barred`, by step, what must
    not be made since another run has made it elsewhere.
    """

    leases: Mapping[str, Lease]
    refused: Mapping[str, str] = {}
    barred: Mapping[str, str] = {}


def claim(
    stack: ExitStack, steps: Sequence[Step], drivers: Mapping[str, Driver], sure: Collection[str], patience: float
) -> Claim:
    """Lock the hosts that the steps touch, in order of name so that of two runs one goes on; and before anything is
    made that stands once, or gets an address, all hosts, or two runs could make it on two of them.

    Raises `DriverError` (held) when another writer has one. A host that cannot be locked, or not within `patience`
    seconds, holds up no other: its own steps fail.
    """
    once = relying(steps)
    hosts = sorted(drivers if once else {step.key.host for step in steps} & set(drivers))
    leases: dict[str, Lease] = {}
    refused: dict[str, str] = {}
    for host in hosts:
        try:
            leases[host] = _locked(stack, host, drivers[host], patience)
        except DriverError as problem:
            if problem.error_class is ErrorClass.HELD:
                raise DriverError(ErrorClass.HELD, f"host {host}: {problem}") from problem
            refused[host] = str(problem)
    again = _seen_again(drivers, leases, patience) if once else []
    barred = {**taken(steps, again), **elsewhere(steps, again, sure)} if once else {}
    return Claim(leases=leases, refused=refused, barred=barred)


def _locked(stack: ExitStack, host: str, driver: Driver, patience: float) -> Lease:
    """The lease of one host, taken in a thread that can be left behind. A lock that comes too late is given back."""
    own, late, turn = ExitStack(), threading.Event(), threading.Lock()
    stack.push(own)

    def take() -> Lease:
        lease = own.enter_context(driver.lock())
        with turn:
            if late.is_set():
                own.close()
        return lease

    answer = _asked({host: take}, patience).get(host)
    if answer is None:
        with turn:
            late.set()
            own.close()
        raise DriverError(ErrorClass.TRANSIENT, f"the lock of host {host} was not to be had within {patience:g} s")
    if isinstance(answer, DriverError):
        raise answer
    if isinstance(answer, Exception):
        text = f"the lock of host {host} cannot be taken: unexpected {type(answer).__name__}: {answer}"
        raise DriverError(ErrorClass.YOURS, text)
    return answer


def _seen_again(drivers: Mapping[str, Driver], leases: Mapping[str, Lease], patience: float) -> list[Snapshot]:
    """What stands under our locks. A host that we could not lock is not seen: it may change while we look."""
    answers = _asked({host: drivers[host].observe for host in leases}, patience)
    failed = {host: Snapshot(host=host, status=Failed("it could not be looked at again")) for host in drivers}
    return [each if isinstance(each := answers.get(host), Snapshot) else gone for host, gone in failed.items()]


def _asked(questions: Mapping[str, Callable[[], T]], patience: float) -> dict[str, T | Exception]:
    """What each host answers, all asked at once; nothing of those that do not answer in time."""
    answers: SimpleQueue[tuple[str, T | Exception]] = SimpleQueue()
    for host, question in questions.items():
        threading.Thread(target=_ask, args=(host, question, answers), name=f"ask {host}", daemon=True).start()
    found: dict[str, T | Exception] = {}
    end = time.monotonic() + patience
    while len(found) < len(questions):
        try:
            host, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        found[host] = answer
    return found


def _ask(host: str, question: Callable[[], T], answers: SimpleQueue[tuple[str, T | Exception]]) -> None:
    try:
        answers.put((host, question()))
    except Exception as problem:
        answers.put((host, problem))
