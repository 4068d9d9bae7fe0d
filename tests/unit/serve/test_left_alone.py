"""What is told of resources that nothing is done about: once each, and not of all that an unseen host has."""

from __future__ import annotations

from msgspec import convert

from reconciler.address import Address
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import ResourceStatus
from reconciler.serve.telling.steps import MOST_TOLD, stays_so

Found = dict[Address, ResourceStatus]


def found(state: str, count: int = 1) -> Found:
    addresses = [Address("Instance", "shop", f"web-{number}") for number in range(count)]
    return {
        each: convert({"address": str(each), "state": state, "message": "why"}, ResourceStatus) for each in addresses
    }


def told(before: Found, after: Found, *, seen: bool = True) -> list[str]:
    journal = Journal()
    stays_so(journal, before, after, seen=seen)
    return [entry.message for entry in journal.entries()]


def test_what_waits_is_told_once() -> None:
    assert told({}, found("waiting")) == ["Instance/shop/web-0: why"]
    assert told(found("waiting"), found("waiting")) == []
    assert told(found("waiting"), found("left-down")) == ["Instance/shop/web-0: why"]


def test_what_failed_or_is_suspended_is_told_elsewhere() -> None:
    assert told({}, found("failed")) == told({}, found("suspended")) == []


def test_what_is_held_for_a_host_that_is_away_is_not_told_one_by_one() -> None:
    assert told({}, found("held"), seen=False) == []
    assert told({}, found("held")) == ["Instance/shop/web-0: why"]


def test_many_are_counted() -> None:
    messages = told({}, found("waiting", MOST_TOLD + 3))
    assert len(messages) == MOST_TOLD + 1
    assert messages[-1].startswith("and 3 more")
