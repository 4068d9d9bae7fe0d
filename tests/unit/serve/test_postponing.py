"""Steps that depend on a guest are left until that is ready, with all that comes after them."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.objects import Await, Readiness
from reconciler.plan import Outcome, Step
from reconciler.serve.patience.postponing import postpone, skipped, stands, unhurried
from tests.support.memory_driver import plan, step

PORT = Readiness(check="tcp:80", deadline=300)
DB = step("db").key


def start(name: str, *after: str, check: str = "tcp:80") -> Step:
    return msgspec.structs.replace(step(name, *after), ready=Readiness(check=check))


def awaiting(name: str, *others: str) -> Step:
    awaits = tuple(Await(key=step(other).key, readiness=PORT) for other in others)
    return msgspec.structs.replace(step(name), awaits=awaits)


def test_what_waits_for_nobody_is_left_as_it_is() -> None:
    whole = plan(start("db"), awaiting("web", "db"), start("runs", check="running"), step("after", "runs"))
    found = postpone(whole, {})
    assert (found.plan is whole, found.held) == (True, ())


def test_what_comes_after_a_guest_that_is_started_is_left_and_what_comes_after_that() -> None:
    found = postpone(plan(step("top", "web"), start("web", "db"), start("db"), step("other")), {})
    assert [each.id for each in found.plan.steps] == ["db", "other"]
    assert [(each.step.id, each.guest, each.by) for each in found.held] == [("top", DB, "db"), ("web", DB, "db")]
    assert found.plan.extent == "targeted", "its commit does not count as applied"
    assert found.held[0].words == "waits until Instance/shop/db is ready"


def test_what_depends_on_a_guest_that_is_becoming_ready_is_left() -> None:
    found = postpone(plan(awaiting("web", "app", "db"), awaiting("job", "app")), {DB.address: "ready db"})
    assert [each.id for each in found.plan.steps] == ["job"]
    assert [(each.step.id, each.by) for each in found.held] == [("web", "ready db")]


def test_no_guest_is_waited_for_in_a_run() -> None:
    found = unhurried(plan(start("db"), awaiting("web", "db")))
    assert [(each.ready, each.awaits) for each in found.steps] == [(None, ()), (None, ())]


@pytest.mark.parametrize(
    ("outcome", "blocked_by"),
    [
        (Outcome(step="db", status="succeeded"), []),
        (Outcome(step="db", status="not-run"), []),
        (Outcome(step="db", status="failed"), ["db"]),
        (Outcome(step="db", status="skipped", blocked_by="disk"), ["disk"]),
    ],
)
def test_what_is_held_is_skipped_where_its_guest_failed(outcome: Outcome, blocked_by: list[str]) -> None:
    held = postpone(plan(start("db"), start("web", "db")), {}).held
    assert [each.blocked_by for each in skipped(held, [outcome])] == blocked_by


def test_the_status_says_for_whom_something_waits_and_when_that_is_in_vain() -> None:
    held = postpone(plan(start("db"), start("web", "db")), {}).held
    (waits,) = stands(held, [], {DB.address: False}).values()
    assert (waits.state, waits.message) == ("becoming-ready", held[0].words)
    for late in (stands(held, [], {DB.address: True}), stands(held, [Outcome(step="web", status="skipped")], {})):
        (found,) = late.values()
        assert (found.state, "Instance/shop/db, which is not ready" in found.message) == ("failed", True)
