"""Waiting for guests."""

from __future__ import annotations

import threading

import msgspec
import pytest

from reconciler.address import Address
from reconciler.apply import apply
from reconciler.driver import DriverError, ErrorClass
from reconciler.listener import Silent
from reconciler.objects import Await, Readiness
from reconciler.plan import Step
from reconciler.readiness import Pace
from tests.support.carried_out import Recorder, run, statuses, transient
from tests.support.memory_driver import MemoryHost, plan, signalling, step


@pytest.fixture
def host() -> MemoryHost:
    return MemoryHost("kvm-01")


def starting(name: str, *after: str, check: str = "agent", deadline: int = 60, host: str = "kvm-01") -> Step:
    """A step that starts a guest."""
    readiness = Readiness(check=check, deadline=deadline)
    return msgspec.structs.replace(step(name, *after, host=host), ready=readiness)


def awaiting(step_: Step, *names: str, host: str = "kvm-01") -> Step:
    """A step that needs other guests to be ready."""
    readiness = Readiness(check="agent", deadline=60)
    awaits = tuple(Await(key=step(name, host=host).key, readiness=readiness) for name in names)
    return msgspec.structs.replace(step_, awaits=awaits)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pace = Pace(clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_step_that_starts_a_guest_succeeds_once_the_guest_is_ready(host: MemoryHost) -> None:
    host.readiness["db"] = ["no answer yet", "no answer yet", ""]
    assert statuses(run([starting("db"), step("web", "db")], host, pace=Clock().pace)) == {
        "db": "succeeded",
        "web": "succeeded",
    }
    assert host.asked == ["db agent"] * 3


def test_a_guest_that_is_not_ready_in_time_blocks_its_dependents_alone(host: MemoryHost) -> None:
    host.readiness["db"] = ["the agent does not answer"]
    steps = [starting("db", deadline=5), step("web", "db"), step("mail")]
    outcomes = {outcome.step: outcome for outcome in run(steps, host, pace=Clock().pace)}
    assert statuses(list(outcomes.values())) == {"db": "failed", "web": "skipped", "mail": "succeeded"}
    assert outcomes["db"].unready, "it was made all the same"
    assert outcomes["db"].error == (
        "it is not ready (agent): the agent does not answer, 5 s after it was asked first;"
        " look at it with `reconciler console Instance/shop/db`"
    )


def test_a_guest_that_cannot_become_ready_is_not_waited_for(host: MemoryHost) -> None:
    host.readiness["db"] = ["booting", DriverError(ErrorClass.YOURS, "there is no cloud-init in it")]
    clock = Clock()
    (outcome,) = run([starting("db")], host, pace=clock.pace)
    assert "there is no cloud-init in it" in outcome.error
    assert clock.now == 1.0


def test_a_transient_error_of_a_look_is_no_verdict(host: MemoryHost) -> None:
    host.readiness["db"] = [transient("libvirtd is away"), ""]
    assert statuses(run([starting("db")], host, pace=Clock().pace)) == {"db": "succeeded"}


def test_people_hear_what_is_waited_for_when_it_changes_and_now_and_then(host: MemoryHost) -> None:
    host.readiness["db"] = [*["no address"] * 12, "no agent", ""]
    recorder = Recorder()
    run([starting("db")], host, listener=recorder, pace=Clock().pace)
    assert recorder.notes == [
        "waiting until it is ready (agent): no address; 60 s left",
        "waiting until it is ready (agent): no address; 50 s left",
        "waiting until it is ready (agent): no agent; 48 s left",
    ]


def test_nothing_is_asked_of_a_guest_whose_readiness_is_none(host: MemoryHost) -> None:
    assert statuses(run([starting("db", check="none")], host)) == {"db": "succeeded"}
    assert host.asked == []


def test_that_a_guest_runs_is_read_back_and_not_asked(host: MemoryHost) -> None:
    runs = msgspec.structs.replace(step("db", powerState="Running"), ready=Readiness(check="running", deadline=60))
    assert statuses(run([runs, step("web", "db")], host)) == {"db": "succeeded", "web": "succeeded"}
    assert host.asked == []


def test_a_restart_that_leaves_its_guest_stopped_has_failed(host: MemoryHost) -> None:
    begun = step("db", verb="update", powerState="Running")
    restart = msgspec.structs.replace(begun, paths=("vcpus",), ready=Readiness(check="running", deadline=60))
    host.script["db"].append(lambda now: now and msgspec.structs.replace(now, stored={"powerState": "Stopped"}))
    (outcome,) = run([restart], host)
    assert outcome.error == 'powerState is "Stopped" after the step instead of "Running"'


def test_a_guest_that_is_waited_for_keeps_no_worker_from_other_steps(host: MemoryHost) -> None:
    made = threading.Event()
    host.readiness["db"] = ["no"]
    host.script["last"].append(signalling(made))
    pace = Pace(sleep=lambda seconds: made.wait(5) and host.readiness.update(db=[""]))
    assert set(statuses(run([starting("db"), step("last")], host, workers=1, pace=pace)).values()) == {"succeeded"}


def test_a_step_waits_for_the_guests_that_it_depends_on(host: MemoryHost) -> None:
    db = MemoryHost("kvm-02")
    db.readiness["db"] = ["no", ""]
    steps = [awaiting(step("web"), "db", host="kvm-02")]
    drivers = {host.name: host, db.name: db}
    assert statuses(apply(plan(*steps), drivers, Silent(), threading.Event(), pace=Clock().pace)) == {
        "web": "succeeded"
    }
    assert db.asked == ["db agent"] * 2


def test_a_step_does_not_begin_while_a_guest_that_it_depends_on_is_not_ready(host: MemoryHost) -> None:
    host.readiness["db"] = ["no agent"]
    outcomes = run([awaiting(step("web"), "db"), step("mail")], host, pace=Clock().pace)
    assert statuses(outcomes) == {"web": "failed", "mail": "succeeded"}
    assert outcomes[0].error.startswith("Instance/shop/db is not ready (agent): no agent, 60 s")
    assert host.objects.keys() == {step("mail").key}


def test_a_guest_on_a_host_that_is_not_reached_is_not_waited_for(host: MemoryHost) -> None:
    (outcome,) = run([awaiting(step("web"), "db", host="kvm-09")], host)
    assert outcome.error == "Instance/shop/db is not ready (agent): host kvm-09 is not reached"


def test_an_interrupt_ends_waiting_at_once_also_while_a_driver_is_looking(host: MemoryHost) -> None:
    stop, leave = threading.Event(), threading.Event()

    class Looking(MemoryHost):
        def ready(self, instance: Address, check: str) -> str:
            if instance.name == "db":
                stop.set()
            leave.wait(30)
            return "no"

    looking = Looking("kvm-01")
    steps = [starting("db"), step("web", "db"), awaiting(step("mail"), "other")]
    outcomes = run(steps, looking, stop=stop)
    leave.set()
    assert statuses(outcomes) == {"db": "failed", "web": "skipped", "mail": "not-run"}
    assert outcomes[0].error == "the run was interrupted before it was ready"
