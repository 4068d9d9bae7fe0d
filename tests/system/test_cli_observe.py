"""`observe` through the command line: a first look that changes nothing."""

from __future__ import annotations

import pytest

from tests.support.command import Desk


@pytest.fixture
def desk(desk: Desk) -> Desk:
    assert desk.run("apply").code == 0
    desk.by_hand("plant", "domain", "old-mail")
    return desk


def test_what_is_ours_and_what_is_not_is_told_apart(desk: Desk) -> None:
    before = desk.state_file().read_bytes()
    ran = desk.run("observe")
    assert (ran.code, ran.err) == (0, "")
    ours, not_ours = ran.out.split("Not ours:")
    assert "Instance/default/web-1  Running\n" in ours
    assert "old-mail" not in ours
    assert "old-mail" in not_ours
    assert "web-1" not in not_ours
    assert desk.state_file().read_bytes() == before


def test_fields_are_shown_on_request(desk: Desk) -> None:
    assert "memory:" not in desk.run("observe").out
    assert "memory: 512Mi\n" in desk.run("observe", "--fields").out


def test_programs_get_the_same(desk: Desk) -> None:
    value = desk.run("observe", "-o", "json").value
    (host,) = value["hosts"]
    assert (value["formatVersion"], host["host"], host["complete"], host["gaps"]) == (1, "sim-01", True, [])
    assert [(other["kind"], other["name"]) for other in host["others"]] == [("domain", "old-mail")]
    (web,) = [each for each in host["objects"] if each["address"] == "Instance/default/web-1"]
    assert web["stored"]["memory"] == "512Mi"
    assert desk.run("observe", "-o", "yaml").out.startswith("formatVersion: 1\nfleet: my-cloud\n")


def test_a_fleet_of_nothing_but_hosts_is_enough(desk: Desk) -> None:
    for path in desk.repo.glob("*.yaml"):
        if path.name not in ("fleet.yaml", "hosts.yaml"):
            path.unlink()
    ran = desk.run("observe")
    assert ran.code == 0
    assert "old-mail" in ran.out
    assert "Instance/default/web-1" in ran.out


def test_a_host_that_cannot_be_seen_is_said_and_the_exit_code_tells(desk: Desk) -> None:
    desk.state_file().write_text("{", encoding="utf-8")
    ran = desk.run("observe")
    assert ran.code == 1
    assert "not seen: " in ran.out
    value = desk.run("observe", "-o", "json")
    assert (value.code, value.value["hosts"][0]["complete"]) == (1, False)
