"""Nothing that goes wrong ends a controller, wherever in its work that comes up."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.reconcile import Options
from reconciler.report.exits import Exit
from reconciler.serve.controller import Controller
from reconciler.serve.following.local import LocalBranch
from reconciler.serve.settings import Settings
from reconciler.serve.telling.journal import Entry
from tests.support.hosts import until
from tests.support.repository import Repository

PATIENCE = 30.0


class Trouble:
    """Fails to hear of the first rounds that fail: what goes wrong while that is told comes up outside of any round."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.heard = Counter[str]()

    def hear(self, entry: Entry) -> None:
        self.heard[entry.reason] += 1
        if entry.reason == "RoundFailed" and self.heard["RoundFailed"] <= self.times:
            raise RuntimeError("no room")


@contextmanager
def working(folder: Path, trouble: Trouble, *, until_idle: bool) -> Iterator[tuple[Controller, list[Exit]]]:
    """A controller of what is no repository, so that each of its rounds fails; it is ended, and how is kept."""
    settings = Settings(branch="main", fleet_id="f" * 8, until_idle=until_idle)
    controller, ended = Controller(LocalBranch(folder, "main"), Options(repo=folder), settings), list[Exit]()
    thread = threading.Thread(target=lambda: ended.append(controller.run()), daemon=True)
    with controller.journal.listening(trouble.hear):
        thread.start()
        yield controller, ended
        if not until_idle:
            controller.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_goes_wrong_between_rounds_is_outlived(tmp_path: Path) -> None:
    trouble = Trouble(times=2)
    with working(tmp_path, trouble, until_idle=False) as (controller, ended):
        until(lambda: trouble.heard["RoundFailed"] > trouble.times, PATIENCE, "one more round")
        assert (ended, controller.status().in_force) == ([], "")
    assert ended == [Exit.OK]


def test_a_worker_of_which_nothing_becomes_ends_all_the_same(tmp_path: Path) -> None:
    trouble = Trouble(times=1000)
    with working(tmp_path, trouble, until_idle=True) as (_, ended):
        until(lambda: ended, PATIENCE, "its end")
    assert ended == [Exit.ERROR]


def test_what_failed_is_not_tried_without_a_pause_where_there_is_nothing_to_be_done(tmp_path: Path) -> None:
    trouble = Trouble(times=0)
    with working(tmp_path, trouble, until_idle=False) as (controller, ended):
        until(lambda: trouble.heard["RoundFailed"], PATIENCE, "a round to fail")
        Repository(tmp_path)  # in which there is no branch
        until(lambda: controller._loop.due() > time.monotonic() + 60, PATIENCE, "it to rest until all is looked at")
    assert ended == [Exit.OK]
