"""A controller whose guests do not become ready: nothing else waits for them, and none of it is forgotten."""

from __future__ import annotations

from pathlib import Path

from reconciler_simulator.store import Store
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.serving import Serving, condition, resource

SHUT = "Instance/default/shut"
PATIENCE = 30.0


def test_a_guest_that_never_becomes_ready_does_not_delay_the_restart_of_another(desk: Desk) -> None:
    with Serving(desk) as serving:
        first = desk.git("rev-parse", "HEAD").strip()
        serving.until_done(first)
        commit = _shut_guest(desk, "5m")
        follower = serving.follow(commit)
        waiting = serving.until(lambda now: condition(now, "Ready").reason == "BecomingReady")
        assert (waiting.in_force, waiting.applied) == (commit, first)
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


def _shut_guest(desk: Desk, deadline: str) -> str:
    """Commit a guest that is ready once a port answers that nothing lets in."""
    text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "shut")
    readiness = f"flavor: small\n  readiness: tcp:81\n  readinessDeadline: {deadline}"
    (desk.repo / "shut.yaml").write_text(text.replace("flavor: small", readiness), encoding="utf-8")
    return desk.commit("Add a guest that nobody reaches")


def _guests(state: Path) -> list[str]:
    return sorted(name for name, each in Store(state).read().domains.items() if each.running)
