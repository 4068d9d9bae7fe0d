"""Carrying plans out: order, failures, retries, interruption, locks, and what is told meanwhile."""

from __future__ import annotations

import threading

import msgspec
import pytest

from reconciler.address import Address
from reconciler.apply import Retry, apply
from reconciler.driver import DriverError, ErrorClass
from reconciler.listener import Listener, Silent
from reconciler.objects import Await, Observed, Readiness
from reconciler.plan import Outcome, Step
from reconciler.readiness import Pace
from tests.support.memory_driver import MemoryHost, plan, step


class Recorder(Silent):
    """Writes down what it hears; a failure to take turns would show as a torn record."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.started_: list[str] = []
        self.finished_: list[tuple[str, str]] = []

    def started(self, step: Step) -> None:
        self.started_.append(step.id)

    def called(self, step: Step, name: str, target: str) -> None:
        self.calls.append((name, target))

    def noted(self, step: Step, text: str) -> None:
        self.notes.append(text)

    def finished(self, step: Step, outcome: Outcome) -> None:
        self.finished_.append((step.id, outcome.status))


def run(
    steps: list[Step], *hosts: MemoryHost, listener: Listener | None = None, stop: threading.Event | None = None,
    workers: int = 1, retry: Retry | None = None, pace: Pace | None = None,
) -> list[Outcome]:  # fmt: skip
    retry = retry or Retry(sleep=lambda pause: None)
    drivers = {host.name: host for host in hosts}
    listener, stop = listener or Silent(), stop or threading.Event()
    return apply(plan(*steps), drivers, listener, stop, workers=workers, retry=retry, pace=pace)


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.step: outcome.status for outcome in outcomes}


def transient(text: str = "busy") -> DriverError:
    return DriverError(ErrorClass.TRANSIENT, text)


@pytest.fixture
def host() -> MemoryHost:
    return MemoryHost("kvm-01")


# Order and success


def test_steps_run_after_what_they_need_and_outcomes_keep_the_plans_order() -> None:
    order: list[str] = []
    host = MemoryHost("kvm-01", order)
    outcomes = run([step("web", "network", "image"), step("image"), step("network", "image")], host, workers=4)
    assert order == ["lock kvm-01", "image", "network", "web", "unlock kvm-01"]
    assert [(outcome.step, outcome.status) for outcome in outcomes] == [
        ("web", "succeeded"), ("image", "succeeded"), ("network", "succeeded"),
    ]  # fmt: skip


def test_the_commit_is_passed_to_every_step(host: MemoryHost) -> None:
    run([step("a"), step("b")], host)
    assert host.commits == ["c0ffee", "c0ffee"]


def test_a_plan_without_steps_touches_no_host(host: MemoryHost) -> None:
    host.locked = True
    assert run([], host) == []


def test_independent_steps_run_at_the_same_time_up_to_the_bound(host: MemoryHost) -> None:
    both = threading.Barrier(2)
    for name in "abcd":
        host.script[name].append(lambda now: (both.wait(5) and now) or now)
    assert set(statuses(run([step(name) for name in "abcd"], host, workers=2)).values()) == {"succeeded"}
    assert host.most_at_once == 2


def test_a_slow_host_holds_up_no_other() -> None:
    slow, quick, finished = MemoryHost("slow"), MemoryHost("quick"), threading.Event()
    slow.script["s1"].append(lambda now: (finished.wait(5) and now) or None)
    quick.script["q9"].append(lambda now: finished.set() or now)
    steps = [step(f"s{n}", host="slow") for n in range(1, 10)] + [step(f"q{n}", host="quick") for n in range(1, 10)]
    assert set(statuses(run(steps, slow, quick)).values()) == {"succeeded"}


# Failure


def test_a_failure_skips_its_dependents_and_nothing_else(host: MemoryHost) -> None:
    host.script["network"].append(DriverError(ErrorClass.YOURS, "the bridge exists"))
    steps = [step("network"), step("web", "network"), step("dns", "web"), step("image"), step("db", "image")]
    outcomes = {outcome.step: outcome for outcome in run(steps, host)}
    assert statuses(list(outcomes.values())) == {
        "network": "failed", "web": "skipped", "dns": "skipped", "image": "succeeded", "db": "succeeded",
    }  # fmt: skip
    assert outcomes["network"].error == "the bridge exists"
    assert (outcomes["web"].blocked_by, outcomes["dns"].blocked_by) == ("network", "network")


def test_a_failed_run_can_be_resumed(host: MemoryHost) -> None:
    host.script["a"].append(DriverError(ErrorClass.YOURS, "no"))
    steps = [step("a", size=1), step("b", "a", size=2)]
    assert statuses(run(steps, host)) == {"a": "failed", "b": "skipped"}
    assert statuses(run(steps, host)) == {"a": "succeeded", "b": "succeeded"}
    assert len(host.objects) == 2


def test_a_race_is_a_failure_that_says_so(host: MemoryHost) -> None:
    host.script["a"].append(DriverError(ErrorClass.RACE, "it changed since the plan"))
    (outcome,) = run([step("a")], host)
    assert (outcome.status, outcome.race, outcome.error) == ("failed", True, "it changed since the plan")


def test_a_bug_in_a_driver_fails_its_step_alone(host: MemoryHost) -> None:
    host.script["a"].append(KeyError("uuid"))
    outcomes = run([step("a"), step("b")], host)
    assert statuses(outcomes) == {"a": "failed", "b": "succeeded"}
    assert outcomes[0].error == "unexpected KeyError: 'uuid'"


def test_a_host_that_is_not_reached_fails_its_steps_alone(host: MemoryHost) -> None:
    outcomes = run([step("a"), step("b", host="kvm-02"), step("c", "b")], host)
    assert statuses(outcomes) == {"a": "succeeded", "b": "failed", "c": "skipped"}
    assert "kvm-02" in outcomes[1].error


# Retries


def test_transient_errors_are_retried_until_they_pass(host: MemoryHost) -> None:
    host.script["a"] += [transient(), transient()]
    recorder = Recorder()
    assert statuses(run([step("a")], host, listener=recorder)) == {"a": "succeeded"}
    assert len(recorder.calls) == 3
    assert all("busy" in note for note in recorder.notes)


def test_retries_are_bounded_and_back_off_with_full_jitter(host: MemoryHost) -> None:
    host.script["a"] += [transient(f"busy {n}") for n in range(9)]
    pauses: list[float] = []
    retry = Retry(attempts=6, first=1.0, longest=5.0, random=lambda: 0.5, sleep=pauses.append)
    (outcome,) = run([step("a")], host, retry=retry)
    assert (outcome.status, outcome.error) == ("failed", "busy 5")
    assert pauses == [0.5, 1.0, 2.0, 2.5, 2.5]


@pytest.mark.parametrize("error_class", [each for each in ErrorClass if each is not ErrorClass.TRANSIENT])
def test_no_other_error_is_retried(host: MemoryHost, error_class: ErrorClass) -> None:
    host.script["a"].append(DriverError(error_class, "no"))
    assert statuses(run([step("a")], host)) == {"a": "failed"}


# What the hypervisor really did


def falls_short(host: MemoryHost, step_: Step, result: Observed | None) -> str:
    host.script[step_.id].append(lambda now: result)
    (outcome,) = run([step_], host)
    assert outcome.status == "failed"
    return outcome.error


def test_a_creation_that_leaves_nothing_is_a_failure(host: MemoryHost) -> None:
    assert falls_short(host, step("a", size=1), None) == "nothing stands after the step"


def test_a_deletion_that_leaves_the_object_is_a_failure(host: MemoryHost) -> None:
    run([step("a")], host)
    (left,) = host.objects.values()
    assert falls_short(host, step("a", verb="delete"), left) == "it is still there after its deletion"


def test_an_incomplete_object_is_a_failure(host: MemoryHost) -> None:
    run([step("a", size=1)], host)
    (whole,) = host.objects.values()
    part = msgspec.structs.replace(whole, incomplete=True)
    assert falls_short(host, step("a", size=1), part) == "only parts of it stand after the step"


def test_a_silent_no_op_is_a_failure_that_names_the_fields(host: MemoryHost) -> None:
    run([step("a", memory=512, vcpus=1, cpu="x")], host)
    (before,) = host.objects.values()
    error = falls_short(host, step("a", memory=1024, vcpus=2, cpu="x", verb="update"), before)
    assert error == "memory is 512 after the step instead of 1024; vcpus is 1 after the step instead of 2"


def test_what_runs_must_follow_as_well_as_what_is_stored(host: MemoryHost) -> None:
    run([step("a", memory=1024)], host)
    (stored,) = host.objects.values()
    lagging = msgspec.structs.replace(stored, running={"memory": 512})
    error = falls_short(host, step("a", memory=1024, verb="update"), lagging)
    assert error == "memory of what runs is 512 after the step instead of 1024"


def test_an_update_answers_only_for_what_it_changes(host: MemoryHost) -> None:
    run([step("a", memory=512, vcpus=1)], host)
    (before,) = host.objects.values()
    update = msgspec.structs.replace(step("a", memory=1024, vcpus=1, verb="update"), paths=("vcpus",))
    host.script["a"].append(lambda now: before)
    assert statuses(run([update], host)) == {"a": "succeeded"}


# Locks


def test_locks_are_taken_in_order_and_held_to_the_end() -> None:
    order: list[str] = []
    hosts = [MemoryHost(name, order) for name in ("c", "a", "b")]
    run([step("x", host="c", verb="delete"), step("y", "x", host="a", verb="delete")], *hosts)
    assert order == ["lock a", "lock c", "x", "y", "unlock c", "unlock a"]


def test_a_held_host_stops_the_run_before_anything_is_done() -> None:
    free, taken = MemoryHost("a"), MemoryHost("b")
    taken.locked = True
    with pytest.raises(DriverError) as caught:
        run([step("x", host="a"), step("y", host="b")], free, taken)
    assert caught.value.error_class is ErrorClass.HELD
    assert (free.objects, free.locked) == ({}, False)


def test_what_stands_once_is_made_under_the_locks_of_all_hosts() -> None:
    order: list[str] = []
    hosts = [MemoryHost(name, order) for name in ("c", "a", "b")]
    run([step("x", host="c")], *hosts)
    assert order == ["lock a", "lock b", "lock c", "x", "unlock c", "unlock b", "unlock a"]


def test_what_another_run_has_made_elsewhere_meanwhile_is_not_made_again() -> None:
    here, there = MemoryHost("a"), MemoryHost("b")
    run([step("web", host="b")], there)
    outcomes = run([step("web", host="a"), step("after", "web", host="a"), step("db", host="a")], here, there)
    assert statuses(outcomes) == {"web": "failed", "after": "skipped", "db": "succeeded"}
    assert (outcomes[0].error, outcomes[0].race) == ("Instance/shop/web stands on b by now; plan again", True)
    assert [str(key) for key in here.objects] == ["Instance/shop/db@a"]


def test_a_host_that_cannot_be_looked_at_again_may_have_got_what_is_to_be_made() -> None:
    here, there = MemoryHost("a"), MemoryHost("b")
    there.blind = True
    drivers = {"a": here, "b": there}
    steps = plan(step("web", host="a"), step("gone", host="a", verb="delete"))
    outcomes = apply(steps, drivers, Silent(), threading.Event())
    assert statuses(outcomes) == {"web": "failed", "gone": "succeeded"}
    assert outcomes[0].error == "whether Instance/shop/web stands on b by now could not be seen; plan again"
    known_before = apply(steps, drivers, Silent(), threading.Event(), sure=["a"])
    assert statuses(known_before) == {"web": "succeeded", "gone": "succeeded"}


def test_a_host_whose_lock_cannot_be_had_holds_up_no_other() -> None:
    quick, broken, hung = MemoryHost("quick"), MemoryHost("broken"), MemoryHost("hung")
    broken.lock_fails, over = lambda: DriverError(ErrorClass.TRANSIENT, "the connection was lost"), threading.Event()
    hung.lock_fails = lambda: None if over.wait(60) else transient()
    drivers = {host.name: host for host in (quick, broken, hung)}
    steps = plan(*(step(name, host=name, verb="delete") for name in drivers))
    outcomes = {each.step: each for each in apply(steps, drivers, Silent(), threading.Event(), patience=0.2)}
    assert statuses(list(outcomes.values())) == {"quick": "succeeded", "broken": "failed", "hung": "failed"}
    assert outcomes["broken"].error == "the connection was lost"
    assert outcomes["hung"].error == "the lock of host hung was not to be had within 0.2 s"
    over.set()
    assert hung.unlocked.wait(5), "a lock that comes too late is given back"


def test_a_lost_lock_is_noticed_before_each_step(host: MemoryHost) -> None:
    def lose(now: Observed | None) -> Observed | None:
        host.lost = True
        return now

    host.script["a"].append(lose)
    outcomes = run([step("a"), step("b", "a")], host)
    assert [(each.status, each.error) for each in outcomes] == [
        ("succeeded", ""),
        ("failed", "the lock was taken away"),
    ]
    assert len(host.objects) == 1


# Interruption


def test_an_interrupted_run_finishes_what_runs_and_starts_nothing(host: MemoryHost) -> None:
    stop = threading.Event()
    host.script["a"].append(lambda now: stop.set() or now)
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


# What is told


def test_every_step_and_every_call_is_told(host: MemoryHost) -> None:
    recorder = Recorder()
    host.script["b"].append(DriverError(ErrorClass.YOURS, "no"))
    run([step("a"), step("b"), step("c", "b")], host, listener=recorder)
    assert recorder.started_ == ["a", "b"]
    assert recorder.calls == [("create", "Instance/shop/a@kvm-01"), ("create", "Instance/shop/b@kvm-01")]
    assert sorted(recorder.finished_) == [("a", "succeeded"), ("b", "failed"), ("c", "skipped")]


def test_a_listener_that_fails_changes_nothing(host: MemoryHost) -> None:
    class Broken(Silent):
        def started(self, step: Step) -> None:
            raise BrokenPipeError

        def called(self, step: Step, name: str, target: str) -> None:
            raise BrokenPipeError

        def finished(self, step: Step, outcome: Outcome) -> None:
            raise BrokenPipeError

    assert statuses(run([step("a"), step("b", "a")], host, listener=Broken())) == {"a": "succeeded", "b": "succeeded"}


# Readiness


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
    host.readiness["db"] = ["no address"] * 12 + ["no agent", ""]
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
    host.script["last"].append(lambda now: made.set() or now)
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
