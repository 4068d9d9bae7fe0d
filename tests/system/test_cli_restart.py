"""A guest that is switched off from within, through the command line: left down, told of, started when one says so."""

from __future__ import annotations

import pytest

from tests.support.command import Desk

WEB = "Instance/default/web-1"
FIELD = "    lan: {}\n"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The first fleet, carried out."""
    ran = desk.run("apply")
    assert ran.code == 0, ran.err
    return desk


def _state(desk: Desk) -> tuple[str, str]:
    (web,) = desk.run("get", WEB, "-o", "json").value["resources"]
    return web["state"], web["why"]


def test_a_guest_that_shut_down_from_within_is_left_down_and_every_command_says_so(desk: Desk) -> None:
    desk.by_hand("shut-down", "web-1")
    assert desk.run("plan", "--detailed-exitcode").code == 2, "that is noted on the guest, once"
    applied = desk.run("apply")
    assert applied.code == 0
    planned = desk.run("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert f"--allow restart={WEB}" in planned.out
    assert desk.run("plan", "-o", "json").value["leftDown"][0]["address"] == WEB
    drift = desk.run("drift")
    assert drift.code == 0
    assert "shut down from within" in drift.out
    why = "left down: it shut down from within (restartPolicy OnCrash)"
    assert _state(desk) == ("Stopped", why)
    assert why in desk.run("describe", WEB).out
    assert "`OnCrash`" in desk.run("explain", "left-down").out
    desk.by_hand("restart")
    assert desk.run("apply").code == 0
    assert _state(desk) == ("Stopped", why), "the hypervisor has forgotten, and the guest has not"
    assert desk.run("apply", "--allow", f"restart={WEB}").code == 0
    assert _state(desk) == ("Running", "")
    assert desk.run("plan", "--detailed-exitcode").out.count(WEB) == 0


def test_a_guest_that_died_is_started_again_unless_it_is_never_to_be(desk: Desk) -> None:
    desk.by_hand("crash", "web-1")
    assert desk.run("apply").code == 0
    assert _state(desk)[0] == "Running"
    desk.edit("instances.yaml", FIELD, f"{FIELD}  restartPolicy: Never\n")
    desk.commit("Never again")
    assert desk.run("apply").code == 0
    desk.by_hand("crash", "web-1")
    assert desk.run("apply").code == 0
    assert _state(desk) == ("Stopped", "left down: it died (restartPolicy Never)")


def test_what_a_project_says_about_restarts_counts_for_its_guests(desk: Desk) -> None:
    always = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: default}\n"
    (desk.repo / "project.yaml").write_text(
        f"{always}spec: {{defaults: {{restartPolicy: Always}}}}\n", encoding="utf-8"
    )
    desk.commit("Always")
    desk.by_hand("shut-down", "web-1")
    assert desk.run("apply").code == 0
    assert _state(desk) == ("Running", "")
