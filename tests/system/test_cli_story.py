"""The story of a fleet on the simulator, told through the command line alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Desk

WEB = "Instance/default/web-1"


@pytest.fixture
def applied(desk: Desk) -> Desk:
    ran = desk.run("apply")
    assert ran.code == 0, ran.err
    return desk


def test_a_first_fleet_needs_nothing_but_a_commit(desk: Desk) -> None:
    assert desk.run("validate").code == 0
    planned = desk.run("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert "Plan: 4 to create; 0 unchanged.\n" in planned.out
    applied = desk.run("apply")
    assert applied.code == 0
    assert applied.out.endswith("Applied: 4 created; nothing failed.\n")
    again = desk.run("plan", "--detailed-exitcode")
    assert (again.code, again.out.splitlines()[-1]) == (0, "Nothing to do: 4 objects are as desired.")


def test_a_second_apply_makes_no_modifying_call(applied: Desk) -> None:
    again = applied.run("apply", "--verbose")
    assert again.code == 0
    assert "call " not in again.err


def test_private_keys_stay_out_of_git_and_are_readable_by_their_owner_only(desk: Desk) -> None:
    key = desk.home / ".ssh" / "reconciler_admin"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" in key.read_text(encoding="ascii")
    assert "PRIVATE" not in desk.git("grep", "-h", "-e", ".", "HEAD")


def test_init_overwrites_nothing(desk: Desk) -> None:
    before = desk.git("status", "--porcelain")
    again = desk.init()
    assert again.code == 1
    assert "Nothing was written" in again.err
    assert desk.git("status", "--porcelain") == before == ""


def test_an_edit_changes_only_what_it_must_and_waits_for_consent(applied: Desk) -> None:
    applied.edit("flavors.yaml", "512Mi", "1Gi")
    refused = applied.run("apply")
    assert refused.code == 1
    assert "flavors.yaml" in refused.err
    looked = applied.run("plan", "-o", "json")
    assert looked.value["source"]["workTree"] is True
    assert "flavors.yaml" in looked.err
    applied.commit()

    waiting = applied.run("apply", "--detailed-exitcode", "-o", "json")
    assert waiting.code == 2
    (change,) = waiting.value["plan"]["changes"]
    assert (change["address"], change["consent"], change["impact"]) == (WEB, "waiting", "restart")
    assert [(field["path"], field["before"], field["after"]) for field in change["fields"]] == [
        ("memory", "512Mi", "1Gi")
    ]
    assert waiting.value["outcomes"] == []

    allowed = applied.run("apply", *change["words"].split())
    assert allowed.code == 0, allowed.err
    assert "Applied: 1 updated; nothing failed." in allowed.out
    assert applied.run("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_applied_or_when_the_hosts_moved_nothing_is(desk: Desk) -> None:
    saved = desk.repo / "next.plan"
    assert desk.run("plan", "--out", str(saved)).code == 0
    done = desk.run("apply", str(saved))
    assert (done.code, "Applied: 4 created" in done.out) == (0, True)
    stale = desk.run("apply", str(saved))
    assert stale.code == 3
    assert "plan again" in stale.err
    assert stale.out == ""


def test_a_saved_plan_takes_no_other_wishes(desk: Desk) -> None:
    saved = desk.repo / "next.plan"
    assert desk.run("plan", "--out", str(saved)).code == 0
    assert desk.run("apply", str(saved), "--allow", "delete=1").code == 64


def test_a_plan_that_cannot_be_saved_leaves_no_half_of_one(desk: Desk) -> None:
    ran = desk.run("plan", "--out", str(desk.repo / "missing" / "next.plan"))
    assert ran.code == 1
    assert "missing" in ran.err
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    ran = desk.run("plan", "--out", "next.plan")
    assert (ran.code, "flavors.yaml" in ran.err) == (1, True)
    assert list(desk.repo.glob("*.plan*")) == []


def test_what_stands_is_listed_and_described(applied: Desk) -> None:
    listed = applied.run("get", "instances")
    assert listed.out.splitlines()[1].split()[:4] == [WEB, "sim-01", "Running", "10.10.0.2"]
    (resource,) = applied.run("get", WEB, "-o", "json").value["resources"]
    assert resource["objects"][0]["stored"]["memory"] == "512Mi"
    described = applied.run("describe", "instance/web-1")
    assert "uses      Flavor/small, Image/tiny" in described.out
    assert applied.run("describe", "Instance/nobody").code == 1
    assert applied.run("get", "Instance/nobody").code == 1


def test_drift_is_seen_and_apply_repairs_it(applied: Desk) -> None:
    assert applied.run("drift").code == 0
    applied.by_hand("memory", "web-1", "768Mi")
    drift = applied.run("drift")
    assert drift.code == 2
    assert "memory: 768Mi → 512Mi  (drift: changed outside of Git" in drift.out
    assert drift.out.endswith("Drift: 1 object changed outside of Git.\n")
    assert applied.run("drift", "-o", "json").value["changes"][0]["fields"][0]["origin"] == "drift"
    assert applied.run("apply", "--allow", f"restart={WEB}").code == 0
    assert applied.run("drift").code == 0


def test_rules_that_were_flushed_are_missed_and_put_back_without_a_question(applied: Desk) -> None:
    state = json.loads(applied.by_hand("show"))
    flushed: dict[str, Any] = {name: {} for name in ("tables", "groups", "filters")}
    assert all(state[name] for name in flushed)
    applied.state_file().write_text(json.dumps(state | flushed) + "\n", encoding="utf-8")
    drift = applied.run("drift")
    assert drift.code == 2
    assert "1 object missing (deleted, or not yet applied)" in drift.out
    assert "nics.lan.filter: absent → enforced  (drift: changed outside of Git" in drift.out
    assert applied.run("apply").code == 0
    assert applied.run("drift").code == 0


def test_a_commit_that_is_not_yet_applied_is_no_drift_where_that_is_recorded(applied: Desk) -> None:
    applied.edit("flavors.yaml", "512Mi", "1Gi")
    applied.commit()
    assert applied.run("drift").code == 0


def test_a_removed_manifest_removes_its_object(applied: Desk) -> None:
    applied.edit("instances.yaml", "networks:\n", "powerState: Stopped\n  networks:\n")
    second = (applied.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "web-2")
    (applied.repo / "more.yaml").write_text(second, encoding="utf-8")
    applied.commit()
    assert applied.run("apply", "--allow", f"restart={WEB}").code == 0
    assert "Stopped" in applied.run("get", "Instance/web-2").out
    (applied.repo / "more.yaml").unlink()
    applied.commit()
    ran = applied.run("apply", "-o", "json")
    assert ran.code == 0, ran.err
    assert [(one["verb"], one["address"]) for one in ran.value["outcomes"] if one["verb"] == "delete"] == [
        ("delete", "Instance/default/web-2")
    ]
    assert applied.run("get", "Instance/web-2").code == 1


def test_destroy_asks_for_the_number_of_deletions_and_then_nothing_of_ours_is_left(applied: Desk) -> None:
    unasked = applied.run("destroy")
    assert unasked.code == 4
    assert "--allow delete=4" in unasked.err
    wrong = applied.run("destroy", "--allow", "delete=3")
    assert wrong.code == 4
    assert "Running" in applied.run("get", WEB).out
    done = applied.run("destroy", "--allow", "delete=4")
    assert done.code == 0, done.err
    assert "Applied: 4 deleted; nothing failed." in done.out
    assert all(not row["objects"] for row in applied.run("get", "-o", "json").value["resources"])
    assert applied.run("destroy", "--allow", "delete=0").out.endswith("Nothing to do.\n")


def test_doctor_says_what_is_wrong_and_what_to_do(desk: Desk) -> None:
    assert desk.run("doctor").code == 0
    desk.edit("hosts.yaml", "driver: simulator", "virtType: qemu")
    ran = desk.run("doctor")
    assert ran.code == 1
    assert "failed" in ran.out
    assert "config.yaml" in ran.out


def test_the_simulator_is_honest_about_its_guests(applied: Desk) -> None:
    ran = applied.run("ssh", WEB, "--", "uptime")
    assert (ran.code, "make-believe" in ran.err) == (1, True)
    assert "make-believe" in applied.run("console", WEB).out


def test_schemas_that_init_wrote_are_those_that_schema_writes(desk: Desk, tmp_path: Path) -> None:
    assert desk.run("schema", "--out", str(tmp_path / "schemas")).code == 0
    for file in (tmp_path / "schemas").iterdir():
        assert (desk.repo / ".reconciler" / "schemas" / file.name).read_bytes() == file.read_bytes()
    for manifest in desk.repo.glob("*.yaml"):
        modeline = manifest.read_text(encoding="utf-8").splitlines()[0]
        assert (desk.repo / modeline.partition("$schema=")[2]).is_file(), manifest
    assert json.loads(desk.run("schema", "instance").out)["title"]


def test_a_generated_keypair_is_a_manifest_and_is_never_overwritten(desk: Desk) -> None:
    made = desk.run("keypair", "generate", "alice")
    with (desk.repo / "keypairs.yaml").open("a", encoding="utf-8") as file:
        file.write(made.out)
    assert desk.run("get", "Keypair/alice").code == 0
    again = desk.run("keypair", "generate", "alice")
    assert (again.code, again.out) == (1, "")


def test_outside_of_a_repository_every_command_says_what_to_do(desk: Desk) -> None:
    for command in ("validate", "plan", "apply", "drift", "get"):
        ran = desk.run(command, cwd=desk.home)
        assert (ran.code, ran.out) == (1, "")
        assert "reconciler init" in ran.err


def test_the_repository_is_found_from_a_folder_inside_it(desk: Desk) -> None:
    assert desk.run("validate", cwd=desk.repo / "images").code == 0


def test_nothing_but_ascii_is_printed_where_nothing_else_can_be(desk: Desk) -> None:
    ran = desk.run("plan", LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    assert ran.code == 0
    assert ran.out.isascii()


def test_all_mistakes_come_in_one_pass_with_their_places(desk: Desk) -> None:
    desk.edit("flavors.yaml", "memory", "memoryy")
    desk.edit("instances.yaml", "image: tiny", "image: tinny")
    ran = desk.run("validate")
    assert ran.code == 1
    assert "flavors.yaml:" in ran.out
    assert "instances.yaml:" in ran.out
    assert "^" in ran.out
    told = desk.run("validate", "-o", "json").value
    assert told["valid"] is False
    assert {diagnostic["path"] for diagnostic in told["diagnostics"]} == {"flavors.yaml", "instances.yaml"}
    assert desk.run("plan").code == 1


def test_readers_that_leave_and_full_disks_never_stop_an_apply(desk: Desk) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        assert desk.run_into(nobody, "apply") == 0
    assert "Running" in desk.run("get", "instances").out
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    desk.commit()
    with Path("/dev/full").open("wb") as full:
        assert desk.run_into(full, "apply", "--allow", f"restart={WEB}") == 0
        assert desk.run_into(full, "plan") == 1
    assert desk.run("plan", "--detailed-exitcode").code == 0


def test_a_key_or_an_image_that_was_edited_and_not_committed_is_noticed(desk: Desk) -> None:
    key = desk.repo / "bob.pub"
    key.write_text((desk.home / ".ssh" / "reconciler_admin.pub").read_text(encoding="ascii"), encoding="ascii")
    manifest = "apiVersion: reconciler/v1\nkind: Keypair\nmetadata: {name: bob}\nspec: {publicKeyFile: bob.pub}\n"
    (desk.repo / "bob.yaml").write_text(manifest, encoding="utf-8")
    desk.commit()
    key.write_text(key.read_text(encoding="ascii").strip() + " renamed\n", encoding="ascii")
    (desk.repo / "images" / "tiny.raw").write_bytes(b"\1" * 4096)
    for command in (["apply"], ["plan", "--out", "next.plan"]):
        refused = desk.run(*command)
        assert refused.code == 1
        assert "these are not committed: bob.pub, images/tiny.raw." in refused.err
    assert not (desk.repo / "next.plan").exists()
    assert desk.run("apply", "--rev", "HEAD").code == 0
