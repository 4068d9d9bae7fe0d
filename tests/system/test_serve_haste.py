"""A branch that moves faster than the controller plans holds up nothing for good."""

from __future__ import annotations

import threading
from pathlib import Path

from reconciler_simulator.store import Store
from tests.support.command import Desk
from tests.support.hosts import until
from tests.support.serving import Serving


def test_work_goes_on_while_the_branch_never_rests(desk: Desk) -> None:
    with Serving(desk) as serving:
        serving.until_done(desk.git("rev-parse", "HEAD").strip())
        text = (desk.repo / "instances.yaml").read_text(encoding="utf-8").replace("web-1", "web-2")
        (desk.repo / "web-2.yaml").write_text(text, encoding="utf-8")
        tips = [desk.commit("Add web-2")]
        resting = threading.Event()
        restless = threading.Thread(target=_move, args=(desk, tips, resting))
        restless.start()
        try:
            until(lambda: len(_guests(desk.state_file())) == 2, 30, "the guest while the branch moves on")
        finally:
            resting.set()
            restless.join()
        assert serving.until_done(tips[-1]).applied == tips[-1]


def _move(desk: Desk, tips: list[str], resting: threading.Event) -> None:
    """Commits that change nothing, one after another, with no pause between them."""
    while not resting.is_set():
        tips.append(desk.git("commit-tree", f"{tips[-1]}^{{tree}}", "-p", tips[-1], "-m", "Nothing").strip())
        desk.git("update-ref", "refs/heads/main", tips[-1])


def _guests(state: Path) -> list[str]:
    return sorted(name for name, each in Store(state).read().domains.items() if each.running)
