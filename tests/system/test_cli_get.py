"""`get` and `describe` through the command line: what stands, why something waits, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Desk

VOLUME = """\
apiVersion: reconciler/v1
kind: Volume
metadata: {name: data, labels: {tier: web}}
spec: {size: 64Mi}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    assert desk.init().code == 0
    (desk.repo / "volumes.yaml").write_text(VOLUME, encoding="utf-8")
    desk.edit("instances.yaml", "    lan: {}\n", "    lan: {}\n  volumes:\n    data: {}\n")
    desk.edit("instances.yaml", "{name: web-1}", "{name: web-1, labels: {tier: web, blank: ''}}")
    desk.commit("First fleet")
    ran = desk.run("apply")
    assert ran.code == 0, ran.err
    return desk


def test_resources_are_chosen_by_kind_label_and_project(desk: Desk) -> None:
    assert desk.run("get", "-l", "tier=web", "-o", "name").out == "Instance/default/web-1\nVolume/default/data\n"
    assert desk.run("get", "volumes", "-l", "tier", "-o", "name").out == "Volume/default/data\n"
    assert desk.run("get", "-l", "blank=", "-o", "name").out == "Instance/default/web-1\n"
    assert desk.run("get", "-l", "tier=db", "-o", "name").out == ""
    assert desk.run("get", "--project", "shop", "-o", "name").out == ""
    assert desk.run("get", "-l", "=web").code == 64


def test_the_wide_table_has_more_and_yaml_is_json(desk: Desk) -> None:
    wide = desk.run("get", "instances", "-o", "wide", "--ready")
    header, row = wide.out.splitlines()
    assert header.split() == [
        "RESOURCE",
        "HOST",
        "STATE",
        "READY",
        "ADDRESS",
        "SUMMARY",
        "LABELS",
        "COMMIT",
        "DECLARED",
    ]
    assert row.split()[1:4] == ["sim-01", "Running", "yes"]
    assert "blank=, tier=web" in row
    assert row.endswith("instances.yaml:2")
    assert desk.run("get", "instances", "-o", "yaml").out.startswith("formatVersion: 1\nfleet: my-cloud\n")
    (web,) = desk.run("get", "instances", "--ready", "-o", "json").value["resources"]
    assert (web["ready"], web["why"], web["labels"]["tier"]) == (True, "", "web")


def test_a_line_says_why_something_waits(desk: Desk) -> None:
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    desk.edit("volumes.yaml", "64Mi", "128Mi")
    listed = desk.run("get")
    rows = {row.split()[0]: row for row in listed.out.splitlines()}
    assert rows["RESOURCE"].endswith("WHY")
    assert rows["Instance/default/web-1"].endswith("waits for consent: --allow restart=Instance/default/web-1")
    assert "not applied yet: size not as declared" in rows["Volume/default/data"]
    assert rows["Network/default/lan"].endswith("nat 10.10.0.0/24")
    assert "waits for consent" in desk.run("describe", "instance/web-1").out


def test_a_volume_that_nobody_declares_is_kept_and_said_to_be(desk: Desk) -> None:
    (desk.repo / "volumes.yaml").unlink()
    desk.edit("instances.yaml", "  volumes:\n    data: {}\n", "")
    desk.commit("Drop the volume")
    applied = desk.run("apply")
    assert applied.code == 0, applied.err
    assert "Kept with its data, although nobody declares it:\n  Volume/default/data on sim-01\n" in applied.out
    planned = desk.run("plan", "--detailed-exitcode", "-o", "json")
    assert (planned.code, planned.value["changes"]) == (0, [])
    assert planned.value["retained"] == [{"address": "Volume/default/data", "part": "", "host": "sim-01"}]
    assert desk.run("get", "volumes").out.splitlines()[1].split()[:3] == ["Volume/default/data", "sim-01", "Retained"]
    assert "it is kept, and taken back with its data" in desk.run("describe", "volume/data").out


def test_what_destroy_keeps_is_listed(desk: Desk) -> None:
    shown = desk.run("destroy")
    assert shown.code == 4
    assert "Kept with its data, although nobody declares it:\n  Volume/default/data on sim-01\n" in shown.out
    words = shown.err.strip().splitlines()[-1].partition("reconciler destroy ")[2].split()
    done = desk.run("destroy", *words)
    assert done.code == 0, done.err
    assert "Volume/default/data on sim-01\n" in done.out
    assert desk.run("observe", "-o", "json").value["hosts"][0]["objects"][0]["address"] == "Volume/default/data"
