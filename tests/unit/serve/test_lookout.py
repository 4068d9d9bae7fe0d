"""The branch is looked at now and then and when there is a hint, whatever goes wrong with it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.serve.following import Tip
from reconciler.serve.following.lookout import Lookout

PATIENCE = 20.0


class Scripted:
    """A branch whose looks give what is scripted; the last stays."""

    repository = Path("/nowhere")

    def __init__(self, *looks: Tip | Exception, deaf: bool = False) -> None:
        self._looks, self._deaf = list(looks), deaf

    def look(self) -> Tip:
        found = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(found, Exception):
            raise found
        return found

    def rewound(self, before: str, tip: str) -> bool:
        return False

    @contextmanager
    def watching(self, hint: Callable[[], None]) -> Iterator[None]:
        if self._deaf:
            raise OSError("no watches are left")
        yield

    def share(self) -> str:
        return ""


def looked(branch: Scripted, looks: int) -> tuple[Lookout, list[tuple[Tip, bool]]]:
    """What is seen in so many looks, each but the first of which is hinted at."""
    seen: queue.SimpleQueue[tuple[Tip, bool]] = queue.SimpleQueue()
    lookout = Lookout(branch, 1000.0, lambda tip, changed: seen.put((tip, changed)))
    lookout.start()
    found = [seen.get(timeout=PATIENCE)]
    for _ in range(looks - 1):
        lookout.hint()
        found.append(seen.get(timeout=PATIENCE))
    lookout.end()
    return lookout, found


def test_a_hint_makes_it_look_at_once_and_says_whether_that_is_new() -> None:
    lookout, found = looked(Scripted(Tip(commit="1"), Tip(commit="1"), Tip(commit="2")), 3)
    assert [(tip.commit, changed) for tip, changed in found] == [("1", True), ("1", False), ("2", True)]
    assert lookout.tip.commit == "2"


def test_a_look_that_goes_wrong_leaves_the_commit_and_is_a_problem_until_the_next() -> None:
    _, found = looked(Scripted(Tip(commit="1"), ValueError("oops"), Tip(commit="2")), 3)
    assert [(tip.commit, "oops" in tip.problem) for tip, _ in found] == [("1", False), ("1", True), ("2", False)]


def test_a_branch_that_gives_no_hints_is_looked_at_all_the_same() -> None:
    assert looked(Scripted(Tip(commit="1"), deaf=True), 1)[0].tip.commit == "1"
