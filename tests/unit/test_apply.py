"""Carrying plans out: order, failures, retries, locks, and what is told meanwhile."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from reconciler.apply import apply
from reconciler.driver import DriverError, ErrorClass
from reconciler.listener import Silent
from reconciler.objects import Observed
from reconciler.performing import Retry
from reconciler.plan import Outcome, Step
from tests.support.carried_out import Recorder, run, statuses, transient
from tests.support.memory_driver import MemoryHost, plan, signalling, step


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


def test_a_run_is_closed_with_its_outcomes_before_another_writer_may_go_on() -> None:
    order: list[str] = []
    host = MemoryHost("kvm-01", order)
    host.script["b"].append(DriverError(ErrorClass.YOURS, "no space"))
    close = partial(_close, order)
    outcomes = apply(plan(step("a"), step("b")), {"kvm-01": host}, Silent(), threading.Event(), closing=close)
    assert order == ["lock kvm-01", "a", "a succeeded, b failed", "unlock kvm-01"]
    assert statuses(outcomes) == {"a": "succeeded", "b": "failed"}


def _close(order: list[str], outcomes: list[Outcome]) -> None:
    order.append(", ".join(f"{each.step} {each.status}" for each in outcomes))


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
    quick.script["q9"].append(signalling(finished))
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


def test_an_address_that_another_run_has_given_away_meanwhile_is_not_given_again(host: MemoryHost) -> None:
    nic: dict[str, Any] = {"nics.lan.network": "Network/shop/lan", "nics.lan.address": "10.10.0.2"}
    run([step("web", **nic)], host)
    again = run([step("web", **nic, vcpus=2), step("db", **nic), step("other", **nic, verb="update")], host)
    assert statuses(again) == {"web": "succeeded", "db": "failed", "other": "failed"}
    assert again[1].error == "10.10.0.2 of Network/shop/lan is Instance/shop/web's by now; plan again"


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
