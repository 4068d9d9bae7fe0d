"""A controller's log, its pulse, and what systemd hears of it. None of them can hinder the controller (T61, T63)."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.report.screen import Stream
from reconciler.serve.pulse import BeatingStop, Pulse
from reconciler.serve.service.notify import Manager, managed
from reconciler.serve.service.surroundings import summary, surrounded
from reconciler.serve.telling.journal import Entry, Journal, Severity
from reconciler.serve.telling.log import logging, rendered
from reconciler.serve.telling.status import Condition
from reconciler.trust.fields import ControllerTrust
from tests.support.controls import Remembering

TIME = "2026-01-02T03:04:05.678+00:00"
ENTRY = Entry(number=7, time=TIME, severity="warning", reason="HostFailed", message="no route")


# The log


def test_a_line_of_the_log_says_when_how_bad_what_and_about_whom() -> None:
    line = rendered(replace(ENTRY, address="Instance/shop/web", host="kvm-01", seconds=1.23456), "text").decode()
    assert line == (f"{TIME} warning HostFailed: no route (Instance/shop/web on kvm-01) [1.23 s]\n")


def test_a_line_about_trouble_says_of_which_commit_it_is() -> None:
    entry = replace(ENTRY, reason="CommitRefused", message="unknown field", commit="c0ffee" * 6)
    assert rendered(entry, "text").decode().endswith("CommitRefused: unknown field (commit c0ffeec0ffee)\n")
    assert rendered(replace(entry, severity="info"), "text").decode().endswith("CommitRefused: unknown field\n")


def test_what_the_message_says_already_is_not_said_twice() -> None:
    line = rendered(replace(ENTRY, message="created Instance/a/b", address="Instance/a/b"), "text").decode()
    assert line.endswith("HostFailed: created Instance/a/b\n")


def test_for_programs_a_line_is_one_json_document() -> None:
    line = rendered(replace(ENTRY, message="two\nlines \x1b[31m"), "json").decode()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    value = json.loads(line)
    assert (value["number"], value["severity"], value["message"]) == (7, "warning", "two\nlines \x1b[31m")


def test_text_of_users_begins_no_line_and_acts_on_no_terminal() -> None:
    line = rendered(replace(ENTRY, message="a\n2026 info Fine: b\x1b[2J\u202e"), "text").decode()
    assert line.count("\n") == 1
    assert "a\\x0a2026 info Fine: b\\x1b[2J\\u202e" in line


@pytest.mark.parametrize(("least", "reasons"), [("debug", "ABC"), ("info", "BC"), ("warning", "C")])
def test_what_is_less_than_is_asked_for_is_left_out(least: Severity, reasons: str) -> None:
    written, journal = io.StringIO(), Journal()
    with logging(journal, Stream(written, {}), "text", least):
        journal.tell("A", "", "debug")
        journal.tell("B", "")
        journal.tell("C", "", "error")
    assert [line.split()[2] for line in written.getvalue().splitlines()] == [f"{each}:" for each in reasons]


def test_a_reader_who_left_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    journal, file = Journal(), os.fdopen(writing, "w")
    with logging(journal, Stream(file, {}), "text"):
        for number in range(1000):
            journal.tell("A", str(number))
    assert len(journal.entries()) == 1000
    file.close()


def test_a_reader_who_does_not_read_holds_up_nobody_and_hears_what_they_missed() -> None:
    reading, writing = os.pipe()
    journal, file = Journal(), os.fdopen(writing, "w")
    began = threading.Event()
    text = bytearray()

    def read() -> None:
        began.wait(20)
        while more := os.read(reading, 1 << 16):
            text.extend(more)

    reader = threading.Thread(target=read)
    reader.start()
    with logging(journal, Stream(file, {}), "text"):
        for number in range(2000):
            journal.tell("A", f"{number} " + "x" * 1000)
        began.set()
        until(lambda: b"A: 0 " in text)
    file.close()
    reader.join(20)
    os.close(reading)
    assert b"lines are missing here: they were not read in time" in text


# The pulse


def test_a_thread_that_goes_on_is_alive_and_one_that_does_not_is_dead() -> None:
    clock = iter([0.0, 9.0, 10.0, 11.0, 11.0]).__next__
    pulse = Pulse(longest=10.0, clock=clock)
    assert [pulse.dead(), pulse.dead()] == ["", ""]
    assert pulse.dead() == "the controller has not moved for 11 s"
    pulse.beat()


def test_a_run_that_looks_whether_to_stop_shows_that_it_goes_on_in_its_own_thread_alone() -> None:
    now = [0.0]
    pulse = Pulse(longest=10.0, clock=lambda: now[0])
    stop = BeatingStop(pulse)
    now[0] = 20.0
    other = threading.Thread(target=stop.is_set)
    other.start()
    other.join()
    assert pulse.dead(), "a worker's question is no sign of the thread that waits for it"
    assert not stop.is_set()
    assert not pulse.dead()
    stop.set()
    assert stop.is_set()


# systemd


class Systemd:
    """What a service manager hears."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.settimeout(20)
        self.environment = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "300000"}

    def hear(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def hears(self, *wanted: str) -> str:
        """Wait for a field; its value."""
        while True:
            for name, value in self.hear().items():
                if name in wanted:
                    return value


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    made = Systemd(tmp_path)
    yield made
    made.socket.close()


def test_systemd_hears_that_we_are_ready_live_and_stop(systemd: Systemd) -> None:
    manager = Manager(systemd.environment)
    assert systemd.environment == {}, "what we start is not us"
    assert manager.patience == 0.3
    states = ["main at abc"]
    with managed(manager, lambda: "", lambda: states[-1]):
        assert systemd.hears("READY") == "1"
        assert systemd.hears("WATCHDOG") == "1"
        states.append("two\nlines")
        while systemd.hears("STATUS") != "two\\x0alines":
            pass
        assert systemd.hears("WATCHDOG") == "1"
    assert systemd.hears("STOPPING") == "1"


def test_a_controller_that_hangs_gives_systemd_no_sign_of_life(systemd: Systemd) -> None:
    with managed(Manager(systemd.environment), lambda: "it hangs", lambda: "fine"):
        assert systemd.hears("STATUS") == "it hangs"
        systemd.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            systemd.hears("WATCHDOG")


def test_a_state_that_cannot_be_told_is_no_reason_to_be_killed(systemd: Systemd) -> None:
    with managed(Manager(systemd.environment), lambda: "", lambda: str(1 / 0)):
        assert systemd.hears("STATUS") == "its state cannot be told: unexpected ZeroDivisionError"
        assert systemd.hears("WATCHDOG") == "1"


def test_signs_of_life_are_given_only_by_whom_they_are_asked_of() -> None:
    assert Manager({"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"}).patience is None
    assert Manager({"WATCHDOG_USEC": "300000", "WATCHDOG_PID": str(os.getpid())}).patience == 0.3
    assert Manager({"WATCHDOG_USEC": "x"}).patience is None


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_a_service_manager_nothing_is_missed(address: str) -> None:
    with managed(Manager({"NOTIFY_SOCKET": address}), lambda: "", lambda: "fine"):
        Manager({"NOTIFY_SOCKET": address}).tell(STATUS="x")


# All of it


def test_one_line_says_how_a_controller_is() -> None:
    controls = Remembering()
    controls.shown = replace(controls.shown, in_force="c" * 40, working=True)
    assert summary(controls) == "working on main at cccccccccccc"
    following = Condition(type="Leading", status="False", reason="AnotherLeads")
    controls.shown = replace(controls.shown, in_force="", working=False, conditions=(following,))
    assert summary(controls) == "main at no commit; Leading False: AnotherLeads"


def test_what_surrounds_a_controller_ends_with_it_and_stays_out_of_its_way() -> None:
    """An address that nobody can listen at, and a log that nobody reads."""
    controls, written = Remembering(), io.StringIO()
    trust = ControllerTrust(listen="192.0.2.1:9460")
    with surrounded(controls, trust, Pulse(), Stream(written, {}), "json"):
        until(lambda: "HttpUnavailable" in written.getvalue())
        written.close()
        controls.journal.tell("A", "nobody reads this")
    assert not {"log", "http", "notify"} & {thread.name for thread in threading.enumerate()}


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
