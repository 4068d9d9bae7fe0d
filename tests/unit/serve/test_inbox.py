"""What a controller is told is gathered, each name once, however much of it comes."""

from __future__ import annotations

import threading
import time

from reconciler.address import Address
from reconciler.driver import Notice
from reconciler.serve.inbox import MOST_NAMES, Inbox


def instance(number: int) -> Address:
    return Address("Instance", "shop", f"web-{number}")


def test_a_storm_of_notices_is_one_thing_to_do() -> None:
    inbox = Inbox()
    for number in range(100_000):
        inbox.notice(Notice(host="kvm-01", address=instance(number % 3)))
    told = inbox.take(time.monotonic() + 10)
    assert told.hosts == {"kvm-01": frozenset(map(instance, range(3)))}
    assert inbox.empty


def test_of_very_many_names_only_the_host_matters() -> None:
    inbox = Inbox()
    for number in range(2 * MOST_NAMES):
        inbox.notice(Notice(host="kvm-01", address=instance(number)))
    assert len(inbox.take(time.monotonic()).hosts["kvm-01"]) == MOST_NAMES


def test_a_lost_connection_is_told_beside_what_was_named() -> None:
    inbox = Inbox()
    inbox.notice(Notice(host="kvm-01", address=instance(1)))
    inbox.notice(Notice(host="kvm-02", lost=True))
    told = inbox.take(time.monotonic())
    assert (set(told.hosts), told.lost) == ({"kvm-01", "kvm-02"}, frozenset({"kvm-02"}))


def test_nothing_is_told_when_the_time_is_over() -> None:
    assert Inbox().take(time.monotonic()).nothing


def test_whoever_waits_is_woken() -> None:
    inbox = Inbox()
    threading.Timer(0.05, inbox.whole, ["it is time"]).start()
    assert inbox.take(time.monotonic() + 60).whole == "it is time"


def test_at_the_end_nobody_waits() -> None:
    inbox = Inbox()
    threading.Timer(0.05, inbox.close).start()
    assert inbox.take(time.monotonic() + 60).nothing
