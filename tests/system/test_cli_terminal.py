"""On a terminal: being asked, being interrupted, and what moves."""

from __future__ import annotations

import json
import re
import signal

import pytest

from tests.support.command import Desk

SLOW = json.dumps({"latency": 0.3})
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "")


def test_apply_asks_and_takes_no_for_an_answer(desk: Desk) -> None:
    session = desk.start("apply", terminal=True, **TERMINAL)
    session.wait_for("Carry out 4 changes? [y/N]")
    session.type("n")
    assert session.end() == 1
    assert "Nothing was done." in session.text
    assert "Absent" in desk.run("get", "instances").out


def test_apply_goes_on_when_told_so_and_shows_what_it_does(desk: Desk) -> None:
    session = desk.start("apply", terminal=True, RECONCILER_SIMULATOR=SLOW, **TERMINAL)
    session.wait_for("Carry out 4 changes? [y/N]")
    session.type("y")
    assert session.end() == 0
    text = without_styles(session.text)
    assert "creating Instance/default/web-1 on sim-01" in text, "what runs right now is shown"
    assert "[4/4] created Instance/default/web-1 on sim-01" in text
    assert text.rstrip().endswith("Applied: 4 created; nothing failed.")
    assert session.text.count("\x1b[?25h") >= session.text.count("\x1b[?25l"), "the cursor is back"


def test_who_says_yes_beforehand_is_not_asked(desk: Desk) -> None:
    session = desk.start("apply", "--yes", terminal=True, NO_COLOR="1", **TERMINAL)
    assert session.end() == 0
    assert "Carry out" not in session.text
    assert "\x1b" not in session.text


def test_destroy_wants_the_name_of_the_fleet(desk: Desk) -> None:
    assert desk.run("apply").code == 0
    for answer, code, state in (("another", 1, "Running"), ("my-cloud", 0, "Absent")):
        session = desk.start("destroy", terminal=True, **TERMINAL)
        session.wait_for("Type the fleet's name (my-cloud)")
        session.type(answer)
        assert session.end() == code
        assert state in desk.run("get", "instances").out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_lets_running_steps_finish_and_tells_what_was_not_run(desk: Desk, number: signal.Signals) -> None:
    session = desk.start("apply", RECONCILER_SIMULATOR=SLOW)
    session.wait_for("[1/4] created")
    session.signal(number)
    assert session.end() == 130
    assert "running steps finish, no other starts" in session.text
    assert "not run Instance/default/web-1 on sim-01" in session.text
    assert "failed" not in session.text
    assert desk.run("apply").code == 0
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_a_signal_ends_the_waiting_for_a_guest_at_once(desk: Desk) -> None:
    desk.edit("instances.yaml", "spec:\n", "spec:\n  readiness: address\n")
    desk.commit("Wait for the address")
    assert desk.run("apply").code == 0
    fleet = re.search(r"  id: (\w{8})", (desk.repo / "fleet.yaml").read_text())
    assert fleet
    guest = f"{fleet[1]}.default.web-1"
    desk.by_hand("slow", guest)
    desk.by_hand("stop", guest)
    session = desk.start("apply")
    session.wait_for("waiting until it is ready (address): it has not taken its address yet")
    session.signal(signal.SIGINT)
    assert session.end() == 130
    assert "the run was interrupted before it was ready" in session.text
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_two_signals_leave_at_once_and_the_next_apply_finishes_the_work(desk: Desk) -> None:
    hanging = json.dumps({"latency": 0, "faults": [{"call": "define_domain", "point": "after-effect", "kind": "hang"}]})
    session = desk.start("apply", "--verbose", RECONCILER_SIMULATOR=hanging)
    session.wait_for("call define_domain")
    session.signal(signal.SIGINT)
    session.wait_for("Once more leaves at once.")
    session.signal(signal.SIGINT)
    assert session.end() == 130
    assert desk.run("apply").code == 0
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_an_interrupted_plan_leaves_although_a_host_hangs(desk: Desk) -> None:
    hanging = json.dumps({"faults": [{"call": "observe", "point": "before", "kind": "hang"}]})
    session = desk.start("plan", terminal=True, RECONCILER_SIMULATOR=hanging, **TERMINAL)
    session.wait_for("looking at the hosts")
    session.signal(signal.SIGINT)
    assert session.end() == 130, session.text
    assert "Interrupted." in session.text
