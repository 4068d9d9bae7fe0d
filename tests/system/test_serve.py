"""The resident controller on the simulator: a branch is followed, and nothing that goes wrong is the end of it."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.publishing import opened
from reconciler.serve.patience.contention import MOST
from reconciler.serve.socket.protocol import AskObservation, Text
from reconciler_simulator.store import Store
from tests.support import crash
from tests.support.command import Desk
from tests.support.serving import Followed, Serving, condition, resource, told_of

WEB = "Instance/default/web-1"
LATENCY = '{"latency": 0.1}'


@pytest.fixture
def serving(desk: Desk) -> Iterator[Serving]:
    """A controller that has done its first work."""
    with Serving(desk) as running:
        running.until_done(head(desk))
        yield running


def head(desk: Desk) -> str:
    return desk.git("rev-parse", "HEAD").strip()


def another_instance(desk: Desk, name: str) -> str:
    """Commit one more instance."""
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", name)
    (desk.repo / f"{name}.yaml").write_text(text, encoding="utf-8")
    return desk.commit(f"Add {name}")


def guests(desk: Desk) -> list[str]:
    """The simulated host's domains that run."""
    domains = Store(desk.state_file()).read().domains
    return sorted(name for name, each in domains.items() if each.running)


def test_a_branch_is_followed_and_what_was_done_is_recorded(desk: Desk, serving: Serving) -> None:
    commit = another_instance(desk, "web-2")
    now = serving.until_done(commit)
    assert (now.tip, now.applied) == (commit, commit)
    assert len(guests(desk)) == 2
    newest = desk.run("history", "-o", "json").value["commits"][0]
    assert (newest["commit"], newest["applied"], len(newest["runs"])) == (commit, True, 1)


def test_a_commit_with_a_mistake_leaves_the_last_good_one_in_force_and_is_told_once(
    desk: Desk, serving: Serving
) -> None:
    good = head(desk)
    desk.edit("instances.yaml", "flavor: small", "flavor: smal")
    bad = desk.commit()
    text, code = serving.follow(bad).heard()
    assert (code, "smal" in text, "instances.yaml:" in text) == (1, True, True)
    now = serving.until(lambda now: condition(now, "CommitValid").status == "False")
    assert (now.tip, now.in_force, condition(now, "Ready").status) == (bad, good, "False")
    desk.by_hand("crash", "web-1")
    serving.until(lambda now: guests(desk))
    assert len(serving.told("CommitRefused")) == 1
    desk.edit("instances.yaml", "flavor: smal", "flavor: small")
    serving.until_done(desk.commit())


def test_after_a_start_the_newest_commit_is_looked_for_before_anything_is_planned(desk: Desk, serving: Serving) -> None:
    assert serving.stop() == 0
    commit = another_instance(desk, "web-2")
    with Serving(desk) as again:
        again.until_done(commit)
        assert [each.commit for each in again.told("CommitInForce")] == [commit]
        assert {each.commit for each in again.told("RunFinished")} == {commit}


def test_after_a_start_with_a_bad_commit_what_was_in_force_is_so_again(desk: Desk, serving: Serving) -> None:
    good = head(desk)
    assert serving.stop() == 0
    desk.edit("instances.yaml", "flavor: small", "flavor: smal")
    desk.commit()
    desk.by_hand("stop", "web-1")
    with Serving(desk) as again:
        now = again.until(lambda now: guests(desk))
        assert (now.in_force, condition(now, "CommitValid").status) == (good, "False")


def test_a_branch_that_was_taken_back_is_held_until_somebody_says_so(desk: Desk, serving: Serving) -> None:
    first = head(desk)
    second = another_instance(desk, "web-2")
    serving.until_done(second)
    desk.git("reset", "--quiet", "--hard", first)
    text, code = serving.follow(first).heard()
    assert (code, f"reconciler resume {first[:12]}" in text) == (4, True)
    assert serving.until(lambda now: now.tip == first).in_force == second
    assert len(guests(desk)) == 2
    serving.stop()
    with Serving(desk) as again:
        held = again.until(lambda now: now.in_force)
        assert (held.in_force, condition(held, "SourceReady").reason) == (second, "Rewound")
        assert "does not wait" in again.command("accept", second)
        assert again.command("accept", first[:12]) == ""
        again.until(lambda now: now.in_force == first)
        again.until(lambda now: guests(desk) == guests(desk)[:1])


def test_what_a_person_applies_of_a_held_branch_is_accepted(desk: Desk, serving: Serving) -> None:
    first = head(desk)
    serving.until_done(another_instance(desk, "web-2"))
    desk.git("reset", "--quiet", "--hard", first)
    serving.until(lambda now: condition(now, "SourceReady").reason == "Rewound")
    assert desk.run("apply", "--allow", "delete=1").code == 0
    serving.until(lambda now: now.in_force == first and len(guests(desk)) == 1)


def test_a_guest_that_shut_down_is_left_down_and_one_that_died_is_started(desk: Desk, serving: Serving) -> None:
    desk.by_hand("shut-down", "web-1")
    now = serving.until(lambda now: (found := resource(now, WEB)) and found.state == "left-down")
    assert guests(desk) == []
    assert "shut down from within" in told_of(now, WEB).message
    assert f"restart={WEB}" in told_of(now, WEB).message
    serving.until(lambda now: serving.told("Planned")[-1].message == "0 steps")
    assert resource(serving.status(), WEB) is not None, "that there is nothing to do about it is not the end of it"
    assert [each.address for each in serving.told("LeftAlone")] == [WEB]
    assert desk.run("apply", "--allow", f"restart={WEB}").code == 0
    serving.until(lambda now: resource(now, WEB) is None)
    desk.by_hand("crash", "web-1")
    serving.until(lambda now: guests(desk))


def test_a_branch_that_is_gone_leaves_all_as_it_is(desk: Desk, serving: Serving) -> None:
    commit = head(desk)
    desk.git("checkout", "--quiet", "--detach")
    desk.git("branch", "--delete", "--force", "main")
    now = serving.until(lambda now: condition(now, "SourceReady").status == "False")
    assert (now.in_force, len(guests(desk))) == (commit, 1)
    desk.git("branch", "main")
    serving.until_done(commit)


def test_a_guest_that_died_is_started_again(desk: Desk, serving: Serving) -> None:
    desk.by_hand("crash", "web-1")
    serving.until(lambda now: guests(desk))
    done = serving.until(lambda now: any(each.address == WEB for each in serving.told("StepSucceeded")[4:]))
    assert condition(done, "Contended").status == "False"


def configured(desk: Desk, controller: str) -> Path:
    """A trusted configuration for the desk's fleet, with such a section for its controller."""
    config = desk.home / "config.yaml"
    config.write_text(f"fleets:\n  {fleet_id(desk)}:\n    controller: {controller}\n", encoding="utf-8")
    config.chmod(0o600)
    return config


def fleet_id(desk: Desk) -> str:
    lines = (desk.repo / "fleet.yaml").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.strip().startswith("id:"))


def test_what_fails_is_shown_and_tried_again_and_holds_up_nothing_else(desk: Desk) -> None:
    broken = {"RECONCILER_SIMULATOR": '{"faults": [{"call": "start_domain", "kind": "error"}]}'}
    with Serving(desk, **broken) as running:
        text, code = running.follow(head(desk)).heard()
        assert (code, "Applied: 3 created; 1 failed." in text) == (1, True)
        now = running.until(lambda now: condition(now, "Ready").reason == "Failed")
        failed = told_of(now, WEB)
        assert (failed.state, failed.retry > now.last_run) == ("failed", True)
        assert now.applied == ""
        running.until_told("StepFailed", 2)
    with Serving(desk) as mended:
        mended.until_done(head(desk))


def test_drift_that_nobody_tells_of_is_undone_when_everything_is_looked_at_again(desk: Desk) -> None:
    config = configured(desk, "{resync: 1s}")
    deaf = {"RECONCILER_SIMULATOR": '{"notices": {"lose": 1}}'}
    with Serving(desk, "--config", str(config), **deaf) as running:
        running.until_done(head(desk))
        desk.by_hand("crash", "web-1")
        running.until(lambda now: guests(desk))


def test_what_the_hosts_showed_is_handed_out_and_kept_in_git_where_it_can_be_signed(desk: Desk) -> None:
    key = desk.home / "publish"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with Serving(desk, "--config", str(configured(desk, f"{{publish_key: {key}}}"))) as running:
        running.until_done(head(desk))
        (seen,) = [each for each in running.answers(AskObservation()) if isinstance(each, Text)]
        handed_out = opened(seen.text.encode(), fleet_id(desk)).published
        assert handed_out.complete
        running.until(lambda now: "observation" in desk.git("for-each-ref", "refs/reconciler"))
    signers = desk.home / "signers"
    signers.write_text(f"ann@example.org {key.with_suffix('.pub').read_text(encoding='ascii')}", encoding="ascii")
    data = desk.git("show", f"refs/reconciler/{fleet_id(desk)}/observation:observation.json").encode()
    assert opened(data, fleet_id(desk), signers).signer == "ann@example.org"


def test_what_is_suspended_is_left_alone_over_restarts_until_it_is_resumed(desk: Desk, serving: Serving) -> None:
    mistyped = desk.run("suspend", "instance/web-l")
    assert (mistyped.code, f"Did you mean `{WEB}`?" in mistyped.err) == (1, True)
    assert [desk.run("suspend", "host/sim-01").code, desk.run("resume", "host/sim-01").code] == [0, 0]
    assert desk.run("suspend", "instance/web-1", "--reason", "looking into it").code == 0
    assert ": looking into it. That stays so" in desk.run("suspend", "instance/web-1").err
    desk.by_hand("crash", "web-1")
    left = serving.until(lambda now: resource(now, WEB))
    assert "looking into it" in told_of(left, WEB).message
    assert serving.stop() == 0
    with Serving(desk) as again:
        text, code = again.follow(another_instance(desk, "web-2")).heard()
        assert (code, f"left alone {WEB}" in text) == (4, True)
        assert [name for name in guests(desk) if name.endswith("web-1")] == []
        (suspended,) = again.status().suspensions
        assert (suspended.what, suspended.reason) == (WEB, "looking into it")
        assert desk.run("resume", "instance/web-1").code == 0
        again.until(lambda now: len(guests(desk)) == 2)
        assert "was not given up" in again.command("resume", WEB)


def test_a_fleet_can_be_suspended_where_no_controller_runs(desk: Desk) -> None:
    assert desk.run("suspend", "fleet", "--reason", "racks").code == 0
    assert ": racks. That stays so" in desk.run("suspend", "fleet").err
    ran = desk.run("serve", "--until-idle")
    assert (ran.code, guests_made(desk)) == (4, False), ran.err
    assert desk.run("resume", "host/sim-01").code == 1
    assert desk.run("resume", "fleet").code == 0
    ran = desk.run("serve", "--until-idle")
    assert (ran.code, len(guests(desk))) == (0, 1), ran.err


def test_where_it_cannot_be_read_what_is_suspended_nothing_is_done_until_that_is_forgotten(desk: Desk) -> None:
    blob = desk.git("hash-object", "-w", "fleet.yaml").strip()
    desk.git("update-ref", f"refs/reconciler/{fleet_id(desk)}/suspended", blob)
    with Serving(desk) as running:
        running.until(lambda now: condition(now, "Suspended").reason == "Unreadable" and now.summary)
        assert not guests_made(desk)
        assert "cannot be read" in running.command("suspend", WEB)
        assert running.command("resume", "fleet") == ""
        running.until_done(head(desk))


def guests_made(desk: Desk) -> bool:
    return bool(list(desk.home.glob(".local/state/reconciler/simulator/*/sim-01.json")))


def test_whoever_undoes_it_again_and_again_wins_until_the_fight_is_taken_up_again(desk: Desk, serving: Serving) -> None:
    for count in range(MOST + 1):
        desk.by_hand("crash", "web-1")
        serving.until_told("StepSucceeded", 5 + count)
    now = serving.until(lambda now: condition(now, "Contended").status == "True")
    assert WEB in condition(now, "Contended").message
    desk.by_hand("crash", "web-1")
    now = serving.until(lambda now: resource(now, WEB))
    assert (told_of(now, WEB).state, guests(desk)) == ("contended", [])
    assert condition(now, "Ready").reason == "Failed", "it is down, and nobody takes care of it"
    assert serving.command("resume", WEB) == ""
    serving.until(lambda now: guests(desk) and condition(now, "Contended").status == "False")


def test_pushes_while_an_apply_runs_come_to_the_newest_commit_and_each_is_answered(desk: Desk) -> None:
    with Serving(desk, RECONCILER_SIMULATOR=LATENCY) as running:
        followers = [running.follow(head(desk))]
        for number in range(2, 7):
            followers.append(running.follow(another_instance(desk, f"web-{number}")))
        heard = [follower.heard() for follower in followers]
        newest = head(desk)
        assert [code for _, code in heard] == [0] * 6, [text for text, _ in heard]
        assert all("Plan: " in text for text, _ in heard)
        assert running.until_done(newest).applied == newest
    assert len(guests(desk)) == 6


def test_it_ends_at_the_boundary_of_a_step_and_the_next_one_goes_on(desk: Desk) -> None:
    commit = another_instance(desk, "web-2")
    with Serving(desk, RECONCILER_SIMULATOR='{"latency": 0.3}') as running:
        follower = running.follow(commit)
        running.until(lambda now: now.working)
        assert running.stop() == 0
        text, code = follower.heard()
        assert (code, "next one" in text) == (1, True)
    with Serving(desk) as again:
        assert again.until_done(commit).applied == commit
    assert len(guests(desk)) == 2


def test_killed_at_any_moment_it_loses_nothing(desk: Desk, tmp_path: Path) -> None:
    commit = another_instance(desk, "web-2")
    chance = random.Random(7)
    for _ in range(6):
        with Serving(desk, RECONCILER_SIMULATOR='{"latency": 0.02}') as running:
            follower = Followed(running.socket, commit)
            running.status()
            time.sleep(chance.uniform(0, 0.6))
            running.kill()
            follower.heard()
    with Serving(desk) as last:
        assert last.until_done(commit).applied == commit
    left = crash.contents(Store(desk.state_file()))
    undisturbed = Desk.__new__(Desk)
    undisturbed.__dict__.update(desk.__dict__, home=tmp_path / "other")
    undisturbed.home.mkdir()
    undisturbed.environment = desk.environment | {"HOME": str(undisturbed.home)}
    assert undisturbed.run("apply").code == 0
    assert crash.differences(left, crash.contents(Store(undisturbed.state_file()))) == []


def test_a_second_signal_leaves_at_once_and_loses_nothing(desk: Desk) -> None:
    with Serving(desk, RECONCILER_SIMULATOR='{"latency": 5}') as running:
        running.until(lambda now: now.working)
        running.process.send_signal(signal.SIGTERM)
        running.until(lambda now: running.told("Stopping"))
        assert running.stop() == 130
    with Serving(desk) as again:
        again.until_done(head(desk))
