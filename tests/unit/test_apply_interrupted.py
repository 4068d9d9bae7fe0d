"""Runs that are interrupted, or whose process ends."""

from __future__ import annotations

import threading

import pytest

from reconciler.listener import Silent
from reconciler.objects import Observed
from reconciler.performing import Retry
from reconciler.plan import Step
from tests.support.carried_out import Recorder, run, statuses, transient
from tests.support.memory_driver import MemoryHost, signalling, step


@pytest.fixture
def host() -> MemoryHost:
    return MemoryHost("kvm-01")


def test_an_interrupted_run_finishes_what_runs_and_starts_nothing(host: MemoryHost) -> None:
    stop = threading.Event()
    host.script["a"].append(signalling(stop))
    steps = [step("a"), step("b"), step("c", "a"), step("d", "c")]
    assert statuses(run(steps, host, stop=stop)) == {"a": "succeeded", "b": "not-run", "c": "not-run", "d": "not-run"}
    assert not host.locked
    assert set(statuses(run(steps, host)).values()) == {"succeeded"}


def test_an_interrupted_run_does_not_try_again(host: MemoryHost) -> None:
    stop = threading.Event()
    host.script["a"] += [transient(), transient()]
    retry = Retry(sleep=lambda pause: stop.set())
    assert statuses(run([step("a")], host, stop=stop, retry=retry)) == {"a": "failed"}


def test_a_pause_ends_when_the_run_is_interrupted(host: MemoryHost) -> None:
    stop = threading.Event()
    host.script["a"] += [transient(), transient()]

    class Interrupting(Silent):
        def noted(self, step: Step, text: str) -> None:
            stop.set()

    retry = Retry(first=3600.0, longest=3600.0, random=lambda: 1.0)
    assert statuses(run([step("a")], host, listener=Interrupting(), stop=stop, retry=retry)) == {"a": "failed"}


class Crash(BaseException):
    """Ends a worker as nothing else does."""


def test_a_crash_ends_the_run_at_once_and_lets_go_of_the_host(host: MemoryHost) -> None:
    host.script["a"].append(Crash())
    with pytest.raises(Crash):
        run([step("a"), step("b", "a"), step("c")], host)
    assert not host.locked
    assert set(statuses(run([step("a"), step("b", "a"), step("c")], host)).values()) == {"succeeded"}


def test_a_crash_leaves_what_is_queued(host: MemoryHost) -> None:
    both, crashed, recorder = threading.Barrier(2), threading.Event(), Recorder()

    def crash(now: Observed | None) -> Observed | None:
        both.wait(5)
        raise Crash

    def outlive(now: Observed | None) -> Observed | None:
        both.wait(5)
        crashed.wait(5)
        return now

    host.script["a"].append(crash)
    host.script["b"].append(outlive)
    with pytest.raises(Crash):
        run([step("a"), step("b"), step("c"), step("d")], host, listener=recorder, workers=2)
    crashed.set()
    for thread in threading.enumerate():
        if thread.name == "apply kvm-01":
            thread.join(5)
    assert sorted(recorder.started_) == ["a", "b"]
