"""What the status shows of a round that is over."""

from __future__ import annotations

from typing import Literal

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.impact import Impact
from reconciler.plan import Action, Change, Consent, Granted, Outcome, Plan, Waiting
from reconciler.serve.telling.overview import hosts_with_retries, left, resources
from reconciler.serve.telling.status import HostStatus
from tests.support.plans import make_plan


def change(name: str, action: Action, consent: Consent | None = None) -> Change:
    key = ObjectKey("kvm-01", Address("Instance", "shop", name))
    return Change(key=key, action=action, impact=Impact.LIVE, consent=consent or Granted())


def outcome(step: str, status: Literal["succeeded", "failed"], *, unready: bool = False) -> Outcome:
    return Outcome(step=step, status=status, unready=unready)


PLAN: Plan = make_plan(
    change("made", "create"), change("late", "create"), change("failed", "update"), change("gone", "delete"),
    change("waits", "update", Waiting("restart=Instance/shop/waits")), unchanged=40,
)  # fmt: skip


def counted(*outcomes: Outcome, run: Plan = PLAN) -> dict[str, int]:
    return {word: number for word, number in left(PLAN, run, outcomes).items() if number}


def test_before_anything_is_done_all_of_it_is_left() -> None:
    expected = {"create": 2, "update": 2, "delete": 1, "unchanged": 40, "waiting": 1}
    assert counted() == expected
    assert counted(run=msgspec.structs.replace(PLAN, steps=())) == expected


def test_what_was_carried_out_is_not_left_and_what_failed_or_waits_is() -> None:
    done = [outcome("s0", "succeeded"), outcome("s1", "failed", unready=True), outcome("s2", "failed")]
    assert counted(*done, outcome("s3", "succeeded")) == {"update": 2, "unchanged": 42, "waiting": 1}


def test_what_one_of_two_steps_failed_of_is_left() -> None:
    both = [outcome("s0", "succeeded"), outcome("s1", "failed")]
    same = msgspec.structs.replace(PLAN.steps[1], key=PLAN.steps[0].key)
    run = msgspec.structs.replace(PLAN, steps=(PLAN.steps[0], same))
    assert counted(*both, run=run)["create"] == 2


def test_what_waits_says_its_impact_where_that_is_what_is_consented_to() -> None:
    (waits,) = resources(PLAN, (), {}, ()).values()
    assert waits.message == "waits for consent: restart=Instance/shop/waits", "it is live, and the consent another's"
    restart = msgspec.structs.replace(PLAN.changes[-1], impact=Impact.RESTART)
    (waits,) = resources(msgspec.structs.replace(PLAN, changes=(restart,)), (), {}, ()).values()
    assert waits.message == "restart waits for consent: restart=Instance/shop/waits"


def test_a_host_that_failed_says_when_it_is_asked_again_and_one_that_is_seen_does_not() -> None:
    hosts = (HostStatus(name="a", seen="complete"), HostStatus(name="b", seen="failed"))
    seen, away = hosts_with_retries(hosts, {"a": 9.0, "b": 61.0}, 1.0)
    assert (seen.retry, bool(away.retry)) == ("", True)
    assert hosts_with_retries(hosts, {}, 1.0) == hosts
