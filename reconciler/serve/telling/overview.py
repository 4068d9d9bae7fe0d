"""From what a round left to what the status shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.guard.allow import words
from reconciler.impact import Impact
from reconciler.observation import Failed, Partial
from reconciler.plan import Granted, Outcome, Plan, Refused, Waiting
from reconciler.record import run_of
from reconciler.report.exits import Exit
from reconciler.serve.links import Link
from reconciler.serve.telling.status import Condition, HostStatus, ResourceStatus, Seen, Stands, State

MUST = frozenset({"SourceReady", "CommitValid", "HostsReady", "Leading"})
"""Conditions without which nothing is as it should be."""
MOST_NAMES = 10


class Shown:
    """What the last rounds left, for the status; whole values are replaced, so that any thread may read it."""

    def __init__(self) -> None:
        self.hosts: tuple[HostStatus, ...] = ()
        self.resources: dict[Address, ResourceStatus] = {}
        self.summary: dict[str, int] = {}
        self.last_run = self.applied = ""
        self.working = False
        self.code = Exit.OK


def host_status(link: Link) -> HostStatus:
    """What a host showed when it was last looked at."""
    status = link.snapshot.status
    seen: Seen = "complete"
    error = ""
    if isinstance(status, Failed):
        seen, error = ("failed" if link.since else "unknown"), status.error
    elif isinstance(status, Partial):
        seen, error = "partial", "; ".join(status.gaps)
    return HostStatus(
        name=link.config.name,
        seen=seen,
        error=error,
        observed=link.since,
        watching=link.watching,
    )


def resources(
    plan: Plan, outcomes: Iterable[Outcome], reasons: Mapping[Address, str], contended: Iterable[Address]
) -> dict[Address, ResourceStatus]:
    """The resources about which there is something to say after a round; the worst of each."""
    found: dict[Address, ResourceStatus] = {}
    for text, why in plan.held.items():
        found[Address.parse(text)] = ResourceStatus(address=text, state="held", message=why)
    for text, why in plan.left_down.items():
        address = Address.parse(text)
        message = f"{why}; {words(Impact.RESTART, address)} starts it"
        found[address] = ResourceStatus(address=text, state="left-down", message=message)
    for change in plan.changes:
        address = change.key.address
        if isinstance(change.consent, Waiting):
            harm = f"{change.impact} " if change.impact.needs_consent else ""  # else it is another's consent
            message = f"{harm}waits for consent: {change.consent.words}"
            found[address] = ResourceStatus(address=str(address), state="waiting", message=message)
        elif isinstance(change.consent, Refused):
            found[address] = ResourceStatus(address=str(address), state="refused", message=change.consent.why)
    fought = set(contended)
    for address, reason in reasons.items():
        state: Stands = "contended" if address in fought else "failed" if "it failed" in reason else "suspended"
        found[address] = ResourceStatus(address=str(address), state=state, message=reason)
    steps = {step.id: step for step in plan.steps}
    for outcome in outcomes:
        if outcome.status == "failed":
            address = steps[outcome.step].key.address
            found[address] = ResourceStatus(address=str(address), state="failed", message=outcome.error)
    return found


def left(plan: Plan, run: Plan, outcomes: Iterable[Outcome]) -> dict[str, int]:
    """What is left of a plan after what was carried out of it, counted by what is to be done."""
    steps = {step.id: step.key for step in run.steps}
    done, undone = set[ObjectKey](), set[ObjectKey]()
    for outcome in outcomes:
        (done if outcome.status == "succeeded" or outcome.unready else undone).add(steps[outcome.step])
    over = {each.key: each for each in plan.changes if isinstance(each.consent, Granted) and each.key in done - undone}
    stands = plan.unchanged + sum(each.action != "delete" for each in over.values())
    changes = tuple(each for each in plan.changes if each.key not in over)
    return run_of(msgspec.structs.replace(plan, changes=changes, unchanged=stands), (), time="", by="").summary


def ready(
    others: Iterable[Condition], commit: str, carried_out: bool, shown: Collection[ResourceStatus]
) -> tuple[State, str, str]:
    """Whether what the branch says is in force and was carried out: a condition's status, reason and message."""
    wrong = next((each for each in others if each.status != "True" and each.type in MUST), None)
    if wrong:
        return "False", wrong.reason, wrong.message
    if not carried_out:
        return "False", "NotCarriedOut", commit[:12]
    if failed := [each.address for each in shown if each.state in ("failed", "contended")]:
        return "False", "Failed", ", ".join(failed[:MOST_NAMES])
    if coming := [each.address for each in shown if each.state == "becoming-ready"]:
        return "False", "BecomingReady", ", ".join(coming[:MOST_NAMES])
    return "True", "InForce", commit[:12]


def with_retries(
    resources: Mapping[Address, ResourceStatus], waiting: Mapping[str, float], now: float
) -> dict[Address, ResourceStatus]:
    """Say of those that failed when they are tried again; `waiting` and `now` are of one clock, in seconds."""
    return {
        address: msgspec.structs.replace(each, retry=in_seconds(waiting[each.address] - now))
        if each.address in waiting and each.state == "failed"
        else each
        for address, each in resources.items()
    }


def hosts_with_retries(hosts: Iterable[HostStatus], waiting: Mapping[str, float], now: float) -> tuple[HostStatus, ...]:
    """Say of those that failed when they are asked again; `waiting` is by name, in seconds of one clock with `now`."""
    return tuple(
        msgspec.structs.replace(each, retry=in_seconds(waiting[each.name] - now))
        if each.name in waiting and each.seen != "complete"
        else each
        for each in hosts
    )


def in_seconds(seconds: float) -> str:
    """The moment that is so far away, as it is shown."""
    return (datetime.now(UTC) + timedelta(seconds=max(0.0, seconds))).isoformat(timespec="seconds")
