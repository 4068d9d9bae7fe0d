"""What a step left behind is what counts, not that a call succeeded."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.objects import Observed
from reconciler.plan import Step
from tests.support.carried_out import run, statuses
from tests.support.memory_driver import MemoryHost, step


@pytest.fixture
def host() -> MemoryHost:
    return MemoryHost("kvm-01")


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
