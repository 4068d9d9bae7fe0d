"""Who made a value, told through the command line alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Desk

WEB = "Instance/default/web-1"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    assert desk.run("apply").code == 0
    return desk


def head(desk: Desk) -> str:
    return desk.git("rev-parse", "HEAD").strip()


def blame(desk: Desk, *arguments: str) -> list[dict[str, Any]]:
    ran = desk.run("blame", *arguments, "-o", "json")
    assert ran.code == 0, ran.err
    values: list[dict[str, Any]] = ran.value["values"]
    return values


def lines(value: dict[str, Any], which: str = "lines") -> list[tuple[str, str, str | None]]:
    return [(one["how"], f"{one['address']} {one['path']}", one["commit"]) for one in value[which]]


def line_of(desk: Desk, file: str, text: str) -> int:
    rows = (desk.repo / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, row in enumerate(rows, 1) if text in row)


def test_memory_comes_from_the_line_of_the_flavor_and_who_wrote_it(desk: Desk) -> None:
    first = head(desk)
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    desk.git("-c", "user.name=Bob", "commit", "--quiet", "--all", "--author=Bob <bob@example.org>", "-m", "More memory")
    assert desk.run("apply", "--allow", f"restart={WEB}").code == 0
    (memory,) = blame(desk, WEB, "memory")
    (one,) = memory["lines"]
    assert (memory["value"], memory["state"], memory["declared"]) == ("1Gi", "as-declared", "1Gi")
    assert (one["address"], one["path"], one["how"]) == ("Flavor/small", "spec.memory", "declared")
    assert (one["file"], one["line"]) == ("flavors.yaml", line_of(desk, "flavors.yaml", "memory:"))
    assert (one["commit"], one["author"], one["subject"]) == (head(desk), "Bob", "More memory")
    (vcpus,) = blame(desk, WEB, "vcpus")
    assert [one["commit"] for one in vcpus["lines"]] == [first]
    assert f"memory  1Gi\n    flavors.yaml:{one['line']}  Flavor/small spec.memory" in desk.run("blame", WEB).out


def test_what_is_declared_otherwise_and_waits_is_of_the_commit_that_made_what_is_there(desk: Desk) -> None:
    first = head(desk)
    desk.edit("flavors.yaml", "512Mi", "1Gi")
    second = desk.commit("More memory")
    assert desk.run("apply").code == 0
    (memory,) = blame(desk, WEB, "memory")
    assert (memory["value"], memory["state"], memory["declared"]) == ("512Mi", "not-applied", "1Gi")
    assert lines(memory) == [("declared", "Flavor/small spec.memory", first)]
    assert lines(memory, "declaredLines") == [("declared", "Flavor/small spec.memory", second)]
    assert "declared otherwise, and not applied yet; declared: 1Gi" in desk.run("blame", WEB, "memory").out


def test_what_moved_without_a_commit_is_marked_and_laid_to_nobody(desk: Desk) -> None:
    desk.by_hand("memory", "web-1", "768Mi")
    (memory,) = blame(desk, WEB, "memory")
    assert (memory["value"], memory["state"], memory["lines"]) == ("768Mi", "drift", [])
    assert lines(memory, "declaredLines") == [("declared", "Flavor/small spec.memory", head(desk))]
    assert "moved without a commit; declared: 512Mi" in desk.run("blame", WEB, "memory").out


def test_defaults_are_told_as_such_and_so_is_what_was_worked_out(desk: Desk) -> None:
    (power,) = blame(desk, WEB, "powerState")
    assert lines(power) == [("default", f"{WEB} spec.powerState", None)]
    (address,) = blame(desk, WEB, "nics.lan.address")
    assert lines(address) == [("derived", "Network/default/lan spec.cidr", head(desk))]
    assert "default; nobody wrote" in desk.run("blame", WEB, "powerState").out


def test_a_default_of_the_fleet_is_found_where_it_is_written(desk: Desk) -> None:
    row = next(row for row in (desk.repo / "instances.yaml").read_text("utf-8").splitlines() if "keypairs" in row)
    desk.edit("instances.yaml", row + "\n", "")
    desk.edit("fleet.yaml", "spec:\n", "spec:\n  defaults:\n    keypairs: [admin]\n")
    desk.edit("keypairs.yaml", "spec:\n", 'spec:\n  shareWith: ["*"]\n')
    commit = desk.commit("One default for all")
    (keys,) = blame(desk, WEB, "seed.keys")
    (default, key) = lines(keys)
    assert default == ("declared", "Fleet/my-cloud spec.defaults.keypairs", commit)
    assert key[1] == "Keypair/default/admin spec.publicKey"


def test_a_resource_without_an_object_and_one_that_is_not_there_are_told_too(desk: Desk) -> None:
    first = head(desk)
    assert [(each["field"], each["state"]) for each in blame(desk, "flavor/small")] == [
        ("vcpus", "declared"),
        ("memory", "declared"),
        ("disk", "declared"),
    ]
    assert desk.run("destroy", "--allow", "delete=4").code == 0
    (memory,) = blame(desk, WEB, "memory")
    assert (memory["state"], memory["value"], memory["declared"]) == ("missing", None, "512Mi")
    assert lines(memory, "declaredLines") == [("declared", "Flavor/small spec.memory", first)]


def test_a_field_or_a_resource_that_is_not_there_is_named(desk: Desk) -> None:
    field = desk.run("blame", WEB, "mem")
    assert (field.code, field.out) == (1, "")
    assert "has no field 'mem'. It has: " in field.err
    assert desk.run("blame", "instance/nope").err == (
        "error: Instance/default/nope is neither declared nor seen on a host.\n"
    )


def test_blame_runs_nothing_that_the_repository_names(desk: Desk, tmp_path: Path) -> None:
    canary, program = tmp_path / "canary", tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat "$1"\n', encoding="ascii")
    program.chmod(0o755)
    (desk.repo / ".git" / "info").mkdir(exist_ok=True)
    (desk.repo / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil\n", encoding="ascii")
    for key in ("diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "core.pager"):
        desk.git("config", key, str(program))
    desk.git("config", "blame.ignoreRevsFile", str(tmp_path / "nowhere"))
    desk.git("config", "core.worktree", str(tmp_path))
    assert len(blame(desk, WEB, "memory")[0]["lines"]) == 1
    assert not canary.exists(), canary.read_text(encoding="utf-8")
