"""Deploying by `git push`, on the simulator: the first push, mistakes, going back, and many pushes at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.serve.socket.place import socket_of
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.pushing import Bare, ran
from tests.support.serving import Serving

ANSWERED = re.compile(r"^(Applied: |Nothing to do|A host was not completely seen)", re.MULTILINE)
SLOW = json.dumps({"latency": 0.3})
HANGS = 240.0
"""Seconds after which what is waited for counts as never coming, however busy the machine is."""


@pytest.fixture
def bare(desk: Desk, tmp_path: Path) -> Iterator[Bare]:
    bare = Bare(desk, tmp_path)
    assert bare.installed.code == 0, bare.installed.err
    yield bare
    until(lambda: not socket_of(bare.path).exists(), HANGS, "the worker to end")


def domains(desk: Desk) -> dict[str, dict[str, object]]:
    """What the simulated host has, by name."""
    found: dict[str, dict[str, object]] = json.loads(desk.by_hand("show"))["domains"]
    return {name.rpartition(".")[2]: each for name, each in found.items()}


def runs(bare: Bare) -> list[dict[str, Any]]:
    """The recorded runs of the commits of main, the newest commit first."""
    told = bare.desk.run("history", "--repo", str(bare.path), "--rev", "main", "-o", "json", "-n", "100").value
    return [run | {"commit": each["commit"]} for each in told["commits"] for run in each["runs"]]


def applied(bare: Bare) -> str:
    """The applied commit."""
    return bare.tip("refs/reconciler/*/applied")


def accepted_or_over(bare: Bare, commit: str, push: subprocess.Popen[str]) -> bool:
    """Whether main is there, or the push has ended: then there is nothing to wait for."""
    return push.poll() is not None or bare.tip() == commit


def add(desk: Desk, name: str) -> str:
    """Commit another instance."""
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8")
    (desk.repo / f"{name}.yaml").write_text(text.replace("web-1", name), encoding="utf-8")
    return desk.commit(f"Add {name}")


def test_the_first_push_deploys_and_shows_plan_progress_and_summary(bare: Bare) -> None:
    push = bare.push()
    assert push.code == 0
    lines = push.out.splitlines()
    assert lines[0].startswith("main: 9 resources, no mistakes.")
    assert "Plan: 4 to create; 0 unchanged." in lines
    assert "[4/4] created Instance/default/web-1 on sim-01" in lines
    assert lines[-1] == "Applied: 4 created; nothing failed."
    assert domains(bare.desk)["web-1"]["running"]
    assert applied(bare) == bare.tip() == runs(bare)[0]["commit"]


def test_a_mistake_is_rejected_and_a_revert_rolls_back(bare: Bare) -> None:
    desk = bare.desk
    assert bare.push().code == 0
    first = bare.tip()
    desk.edit("instances.yaml", "flavor: small", "flavor: smal")
    desk.commit("Mistake")
    mistake = bare.push()
    assert mistake.code != 0
    assert "instances.yaml:6:11" in mistake.out
    assert bare.tip() == applied(bare) == first
    desk.git("reset", "--quiet", "--hard", "HEAD~1")
    add(desk, "web-2")
    assert bare.push().out.splitlines()[-1] == "Applied: 1 created, 1 updated; nothing failed."
    assert sorted(domains(desk)) == ["web-1", "web-2"]
    desk.git("revert", "--no-edit", "HEAD")
    back = bare.push()
    assert "- Instance/default/web-2 on sim-01" in back.out
    assert back.out.splitlines()[-1] == "Applied: 1 updated, 1 deleted; nothing failed."
    assert sorted(domains(desk)) == ["web-1"]


def test_another_branch_is_answered_and_changes_nothing(bare: Bare) -> None:
    assert bare.push().code == 0
    before = domains(bare.desk)
    add(bare.desk, "web-2")
    push = bare.push("HEAD:try")
    assert push.code == 0
    assert "try is not deployed; main is." in push.out
    assert "+ Instance/default/web-2 on sim-01" in push.out
    assert domains(bare.desk) == before
    assert len(runs(bare)) == 1


def test_what_waits_for_consent_is_shown_and_given_by_a_commit(bare: Bare) -> None:
    assert bare.push().code == 0
    bare.desk.edit("flavors.yaml", "memory: 512Mi", "memory: 256Mi")
    add(bare.desk, "web-2")
    push = bare.push()
    assert push.code == 0
    assert "waits for consent: --allow restart=Instance/default/web-1" in push.out
    command = "git commit --allow-empty -m Consent --trailer 'Reconciler-Allow: restart Instance/default/web-1'"
    assert push.out.splitlines()[-1] == f"  {command}", "what is left to do is not above a long run"
    subprocess.run(command, shell=True, cwd=bare.desk.repo, env=bare.desk.environment, check=True)
    assert bare.push().out.splitlines()[-1] == "Applied: 1 updated; nothing failed."


def test_what_hosts_do_not_allow_is_rejected_where_a_controller_has_seen_them(bare: Bare) -> None:
    desk = bare.desk
    with Serving(desk, "--repo", str(bare.path)):
        until(lambda: socket_of(bare.path).exists(), HANGS, "the controller to listen")
        assert bare.push().code == 0
        before = bare.tip()
        desk.edit("flavors.yaml", "disk: 1Gi", "disk: 512Mi")
        desk.commit("A smaller disk")
        refused = bare.push()
        assert "main is rejected: hosts as they are do not allow it. Nothing changes." in refused.out
        assert "disk.size: 1Gi → 512Mi" in refused.out
        assert "refused: " in refused.out
        assert bare.tip() == before
        desk.git("reset", "--quiet", "--hard", "HEAD~1")
        add(desk, "web-2")
        assert bare.push().out.splitlines()[:2] == [
            "main is accepted. On the hosts as they were last seen:",
            "Plan: 1 to create, 1 to update; 3 unchanged.",
        ]


def test_whoever_may_not_change_something_is_rejected(bare: Bare) -> None:
    trusting(bare, rules=[{"who": ["boss@example.org"], "projects": ["*"], "fleet": True}])
    refused = bare.push()
    assert refused.code != 0
    assert "main is rejected: it is not trusted. Nothing changes." in refused.out
    assert "a@example.org" in refused.out
    assert bare.tip() == ""


def test_a_push_that_is_killed_ends_no_apply(bare: Bare) -> None:
    push = bare.start(RECONCILER_SIMULATOR=SLOW)
    log = bare.path / "reconciler" / "worker.log"
    until(lambda: log.exists() and "StepSucceeded" in log.read_text(), HANGS, "the first step to be done")
    assert "RunFinished" not in log.read_text()
    os.killpg(push.pid, signal.SIGKILL)
    push.communicate()
    until(lambda: applied(bare) == bare.tip() != "", HANGS, "the commit to be applied")
    assert domains(bare.desk)["web-1"]["running"]
    (run,) = runs(bare)
    assert {step["status"] for step in run["steps"]} == {"succeeded"}


def test_a_worker_that_is_killed_is_followed_by_another_within_the_same_push(bare: Bare) -> None:
    push = bare.start(RECONCILER_SIMULATOR=SLOW)
    log = bare.path / "reconciler" / "worker.log"
    until(lambda: log.exists() and "StepSucceeded" in log.read_text(), HANGS, "the first step to be done")
    os.kill(worker_of(bare), signal.SIGKILL)
    done = ran(push)
    assert done.code == 0
    assert "The controller ended before this did. Waiting for the next one." in done.out
    assert done.out.splitlines()[-1].endswith("nothing failed.")
    assert applied(bare) == bare.tip()


def worker_of(bare: Bare) -> int:
    """The process that listens for the repository's hooks."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        words = process.read_bytes().split(b"\0")
        if b"--until-idle" in words and str(bare.path).encode() in words:
            return int(process.parent.name)
    raise AssertionError("no worker runs")


def test_a_worker_has_nothing_of_the_push_in_its_environment(bare: Bare) -> None:
    push = bare.start(RECONCILER_SIMULATOR=SLOW, GIT_TRACE2_PARENT_NAME="push", SSH_AUTH_SOCK="/nowhere")
    log = bare.path / "reconciler" / "worker.log"
    until(lambda: log.exists() and "StepSucceeded" in log.read_text(), HANGS, "the first step to be done")
    process = Path("/proc") / str(worker_of(bare))
    names = [each.partition(b"=")[0] for each in (process / "environ").read_bytes().split(b"\0")]
    assert [name for name in names if name.startswith((b"GIT_", b"SSH_"))] == []
    assert os.getsid(int(process.name)) == int(process.name)
    assert ran(push).code == 0


def note(desk: Desk, number: int) -> str:
    """Commit a comment, which changes nothing on any host."""
    path = desk.repo / "notes.yaml"
    path.write_text(f"# {number}\n", encoding="utf-8")
    return desk.commit(f"Number {number}")


def trusting(bare: Bare, **more: object) -> None:
    """A trusted configuration by which a controller that was killed is not waited for long, and `more`."""
    fleet_id = next(word for word in (bare.desk.repo / "fleet.yaml").read_text().split() if word.count("-") == 4)
    folder = bare.desk.home / ".config" / "reconciler"
    folder.mkdir(parents=True)
    section = {"repository": {"url": str(bare.path)}, "controller": {"lease": "2s"}, **more}
    (folder / "config.yaml").write_text(json.dumps({"fleets": {fleet_id: section}}))


@pytest.mark.timeout(900)
def test_fifty_pushes_in_a_row_come_to_the_last_of_them_while_hosts_fail(bare: Bare) -> None:
    """Each changes something or nothing, while the runs before are at work; calls fail, and controllers are killed."""
    desk = bare.desk
    trusting(bare)
    faults = [
        {"call": 3, "point": "before", "kind": "transient"},
        {"call": 7, "point": "after-effect", "kind": "error"},
        {"call": 11, "point": "after-effect", "kind": "kill"},
    ]
    around = {"RECONCILER_SIMULATOR": json.dumps({"latency": 0.4, "faults": faults})}
    with Serving(desk, "--repo", str(bare.path), **around) as serving:
        until(lambda: socket_of(bare.path).exists(), HANGS, "the controller to listen")
        pushes = []
        for number in range(50):
            commit = add(desk, f"more-{number}") if number % 10 == 0 else note(desk, number)
            pushes.append(bare.start(**around))
            until(partial(accepted_or_over, bare, commit, pushes[-1]), HANGS, f"push {number} to be accepted")
            assert bare.tip() == commit, ran(pushes[-1]).err
        answers = [ran(push, HANGS) for push in pushes]
        until(lambda: applied(bare) == bare.tip(), HANGS, "the last commit to be applied")
    assert [answer.code for answer in answers] == [0] * 50
    assert [answer.out for answer in answers if not ANSWERED.search(answer.out)] == []
    assert any("A newer commit took over" in answer.out for answer in answers), "none was overtaken"
    assert serving.process.returncode == -signal.SIGKILL, "no controller was killed"
    found = domains(desk)
    assert sorted(found) == sorted(["web-1", *(f"more-{number}" for number in range(0, 50, 10))])
    assert all(each["running"] for each in found.values())
    logs = serving.log.read_text() + (bare.path / "reconciler" / "worker.log").read_text()
    finished = Counter(re.findall(r"RunFinished:? (\w{12}):", logs))
    assert finished
    assert finished <= Counter(str(run["commit"])[:12] for run in runs(bare)), "a run is not recorded"
