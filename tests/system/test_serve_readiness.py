"""A controller whose guests do not become ready: nothing else waits for them, and none of it is forgotten."""

from __future__ import annotations

from pathlib import Path

from reconciler_simulator.store import Store
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.serving import Followed, Serving, condition, resource, told_of

SHUT = "Instance/default/shut"
LATE = "Instance/default/late"
TOP = "Instance/default/top"
PATIENCE = 30.0


def test_a_guest_that_never_becomes_ready_does_not_delay_the_restart_of_another(desk: Desk) -> None:
    with Serving(desk) as serving:
        first, commit, follower = _becoming_ready(serving, desk)
        waiting = serving.status()
        assert (waiting.in_force, waiting.applied) == (commit, first)
        assert "1 created; 1 not ready yet" in desk.run("history").out
        web = next(name for name in _guests(desk.state_file()) if name.endswith("web-1"))
        desk.by_hand("crash", web)
        until(lambda: serving.told("Reacted"), PATIENCE, "the first step against the crash")
        until(lambda: web in _guests(desk.state_file()), PATIENCE, "the guest to run again")
        found = resource(serving.status(), SHUT)
        assert found is not None
        assert found.state == "becoming-ready", "it is waited for as before"
        assert follower.is_alive()


def test_a_guest_that_did_not_become_ready_is_not_forgotten_until_it_is(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = desk.git("rev-parse", "HEAD").strip()
        serving.until_done(first)
        commit = _shut_guest(desk, "1s")
        text, code = serving.follow(commit).heard()
        assert code == 1
        assert f"waiting until {SHUT} is ready (tcp:81): no security group lets port 81 in" in text
        assert text.endswith("1 not ready.\n")
        assert [text.count(each) for each in ("Fleet my-cloud", f"+ {SHUT}")] == [1, 1], text
        failed = serving.until(lambda now: condition(now, "Ready").reason == "Failed")
        found = resource(failed, SHUT)
        assert found is not None
        assert (found.state, failed.applied) == ("failed", first)
        runs = desk.run("history", "-o", "json").value["commits"][0]["runs"]
        assert sorted(step["status"] for run in runs for step in run["steps"])[0] == "failed"
        desk.edit("shut.yaml", "readiness: tcp:81", "readiness: running")
        mended = desk.commit()
        assert serving.follow(mended).heard()[1] == 0
        assert serving.until_done(mended).applied == mended


def test_a_controller_that_is_killed_leaves_the_next_one_to_wait_for_its_guests(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = desk.git("rev-parse", "HEAD").strip()
        serving.until_done(first)
        _shut_guest(desk, "5m")
        serving.until(lambda now: condition(now, "Ready").reason == "BecomingReady")
        serving.kill()
    with Serving(desk) as again:
        waiting = again.until(lambda now: condition(now, "Ready").reason in ("BecomingReady", "InForce"))
        found = resource(waiting, SHUT)
        assert found is not None
        assert (found.state, waiting.applied) == ("becoming-ready", first)
        assert again.stop() == 0
    desk.edit("shut.yaml", "readinessDeadline: 5m", "readinessDeadline: 1s")
    shorter = desk.commit("Wait for a second")
    ran = desk.run("serve", "--until-idle")
    assert (ran.code, "is not ready" in ran.err) == (1, True), ran.err
    assert desk.git("for-each-ref", "--format=%(objectname)", "refs/reconciler/*/applied").strip() == first
    with Serving(desk) as last:
        text, code = last.follow(shorter).heard()
        assert (code, text.endswith("1 not ready.\n")) == (1, True), text


def test_a_guest_that_is_ready_after_its_time_was_up_is_told_of_and_its_commit_counts(desk: Desk) -> None:
    with Serving(desk) as serving:
        text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "late")
        says = "flavor: small\n  powerState: Stopped\n  readiness: address\n  readinessDeadline: 1s"
        (desk.repo / "late.yaml").write_text(text.replace("flavor: small", says), encoding="utf-8")
        first = desk.commit("Add a guest that is off")
        serving.until_done(first)
        desk.by_hand("slow", "late")
        desk.edit("late.yaml", "powerState: Stopped", "powerState: Running")
        commit = desk.commit("Start it")
        assert serving.follow(commit).heard()[1] == 1
        failed = serving.until(lambda now: condition(now, "Ready").reason == "Failed")
        assert failed.applied == first
        desk.by_hand("slow", "late", "0")
        assert serving.until_done(commit).applied == commit
        assert resource(serving.status(), "Instance/default/late") is None
        (told,) = [each for each in serving.told("BecomingReady") if each.severity == "info"]
        assert "Instance/default/late is ready" in told.message
        assert "after its time was up" in told.message


def test_a_guest_that_shuts_down_before_it_is_ready_fails_once_and_is_then_left_down(desk: Desk) -> None:
    with Serving(desk) as serving:
        first, commit, follower = _becoming_ready(serving, desk)
        desk.by_hand("shut-down", "shut")
        text, code = follower.heard()
        assert (code, text.endswith("1 not ready.\n"), "s after it was started" in text) == (1, True, False), text
        assert serving.status().applied == first
        assert [serving.command(verb, SHUT) for verb in ("suspend", "resume")] == ["", ""]  # all is looked at again
        done = serving.until(lambda now: now.applied == commit)
        found = resource(done, SHUT)
        assert found is not None
        assert (found.state, condition(done, "Ready").reason) == ("left-down", "InForce")


def _becoming_ready(serving: Serving, desk: Desk) -> tuple[str, str, Followed]:
    """Have the shut guest waited for; gives the commit before, its own, and somebody who follows that."""
    first = desk.git("rev-parse", "HEAD").strip()
    serving.until_done(first)
    commit = _shut_guest(desk, "5m")
    follower = serving.follow(commit)
    serving.until(lambda now: condition(now, "Ready").reason == "BecomingReady")
    return first, commit, follower


def _shut_guest(desk: Desk, deadline: str) -> str:
    """Commit a guest that is ready once a port answers that nothing lets in."""
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "shut")
    readiness = f"flavor: small\n  readiness: tcp:81\n  readinessDeadline: {deadline}"
    (desk.repo / "shut.yaml").write_text(text.replace("flavor: small", readiness), encoding="utf-8")
    return desk.commit("Add a guest that nobody reaches")


def _run(desk: Desk, *names: str) -> bool:
    """Whether these guests run."""
    return set(names) <= {each.rpartition(".")[2] for each in _guests(desk.state_file())}


def _guests(state: Path) -> list[str]:
    return sorted(name for name, each in Store(state).read().domains.items() if each.running)


def test_what_depends_on_a_guest_waits_for_it_beside_all_other_work(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = _slow_guest(desk, serving, "5m")
        commit = _depend(desk)
        follower = serving.follow(commit)
        waiting = serving.until(lambda now: condition(now, "Ready").reason == "BecomingReady")
        assert (told_of(waiting, TOP).state, told_of(waiting, LATE).state) == ("becoming-ready", "becoming-ready")
        assert (told_of(waiting, TOP).message, waiting.applied) == (f"waits until {LATE} is ready", first)
        web = next(name for name in _guests(desk.state_file()) if name.endswith("web-1"))
        desk.by_hand("crash", web)
        until(lambda: serving.told("Reacted"), PATIENCE, "the first step against the crash")
        until(lambda: web in _guests(desk.state_file()), PATIENCE, "the guest to run again")
        assert (follower.is_alive(), _run(desk, "top")) == (True, False)
        desk.by_hand("slow", "late", "0")
        text, code = follower.heard()
        assert (code, text.count("Applied:")) == (0, 1), text
        assert text.endswith("Applied: 1 created, 2 updated; nothing failed.\n")
        said = [f"waits {TOP}: until {LATE} is ready", f"updated {LATE}", f"\n{LATE} is ready\n", f"created {TOP}"]
        assert [text.index(each) for each in said] == sorted(text.index(each) for each in said), text
        done = serving.until_done(commit)
        assert (done.applied, done.resources) == (commit, ())
        runs = desk.run("history", "-o", "json").value["commits"][0]["runs"]
        steps = [(step["verb"], step["address"], step["status"]) for run in runs for step in run["steps"]]
        assert {("update", LATE, "succeeded"), ("create", TOP, "succeeded")} <= set(steps)
        for name in ("top", "late"):
            desk.by_hand("crash", name)
        until(lambda: _run(desk, "top", "late"), PATIENCE, "both to run again")
        assert serving.until_done(commit).applied == commit


def test_what_depends_on_a_guest_that_is_not_ready_in_time_is_skipped_until_it_is(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = _slow_guest(desk, serving, "1s")
        commit = _depend(desk)
        text, code = serving.follow(commit).heard()
        assert (code, text.count("Applied:")) == (1, 1), text
        assert text.endswith("Applied: 2 updated; 1 not ready, 1 skipped.\n")
        assert f"skipped {TOP} on sim-01, blocked by {LATE} on sim-01" in text
        failed = serving.status()
        assert (told_of(failed, TOP).state, failed.applied) == ("failed", first)
        assert f"it depends on {LATE}, which is not ready" in told_of(failed, TOP).message
        *_, run = desk.run("history", "-o", "json").value["commits"][0]["runs"]
        assert sorted((step["address"], step["status"]) for step in run["steps"]) == [
            (LATE, "failed"),
            (TOP, "skipped"),
        ]
        desk.by_hand("slow", "late", "0")
        assert serving.until_done(commit).applied == commit
        assert _run(desk, "top", "late")


def test_a_controller_that_is_killed_leaves_the_next_one_to_go_on_once_a_guest_is_ready(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = _slow_guest(desk, serving, "5m")
        commit = _depend(desk)
        serving.until(lambda now: resource(now, TOP))
        serving.kill()
    with Serving(desk) as again:
        follower = again.follow(commit)
        waiting = again.until(lambda now: resource(now, TOP))
        assert (told_of(waiting, LATE).state, waiting.applied) == ("becoming-ready", first)
        desk.by_hand("slow", "late", "0")
        text, code = follower.heard()
        assert (code, "Applied: 1 created; nothing failed." in text, text.count("Applied:")) == (0, True, 1), text
        assert again.until_done(commit).applied == commit


def _slow_guest(desk: Desk, serving: Serving, deadline: str) -> str:
    """Commit a guest that is off, and that takes long to become ready once it is started."""
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "late")
    says = f"flavor: small\n  powerState: Stopped\n  readiness: address\n  readinessDeadline: {deadline}"
    (desk.repo / "late.yaml").write_text(text.replace("flavor: small", says), encoding="utf-8")
    commit = desk.commit("Add a guest that is off")
    serving.until_done(commit)
    desk.by_hand("slow", "late")
    return commit


def _depend(desk: Desk) -> str:
    """Commit the start of that one, and another guest that depends on it."""
    desk.edit("late.yaml", "powerState: Stopped", "powerState: Running")
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "top")
    depends = "flavor: small\n  dependsOn: [late]"
    (desk.repo / "top.yaml").write_text(text.replace("flavor: small", depends), encoding="utf-8")
    return desk.commit("Start it, and add one that depends on it")
