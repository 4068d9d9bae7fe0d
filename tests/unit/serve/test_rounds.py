"""A round of a controller's, from its locks to its record, where a person's run may come in between."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from reconciler.driver import DriverError
from reconciler.installed import driver_type
from reconciler.plan import Source, Step
from reconciler.reconcile import Options, Round, load
from reconciler.record import applied_name
from reconciler.report.exits import Exit
from reconciler.serve.audience import Transcript
from reconciler.serve.course import Course, Turned
from reconciler.serve.following.local import LocalBranch
from reconciler.serve.links import Links
from reconciler.serve.readying import Readying
from reconciler.serve.rounds import Done, Rounds
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from tests.support.carried_out import Watched
from tests.support.memory_driver import MemoryHost, plan, step
from tests.support.repository import Repository

FLEET = "f" * 8


class Controller:
    """What carries a plan of one step out, for a commit that another one came before."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder)
        self.first = self.repository.commit({"a": "1"})
        self.commit = self.repository.commit({"a": "2"})
        self.order = Watched(folder, FLEET)
        self.text = ""
        self.journal, self.conditions = Journal(), Conditions()
        options = Options(repo=folder, rev=self.commit)
        self.course = Course(LocalBranch(folder, "main"), options, FLEET, self.journal, self.conditions)
        self._host = MemoryHost("kvm-01", self.order)
        self._rounds = Rounds(
            Links(driver_type, lambda notice: None),
            options,
            self.journal,
            self.conditions,
            lambda host: None,
            self.course.check_standing,
            Readying(lambda: {"kvm-01": self._host}, lambda: None),
        )
        self._loaded = load(options)

    @property
    def recorded(self) -> tuple[str, str]:
        """Whether Git knows of the last run, and the reason that is given."""
        found = self.conditions.get("Recorded")
        return (found.status, found.reason) if found else ("", "")

    def apply(self, commit: str) -> None:
        """Somebody applies a commit."""
        self.repository.git("update-ref", applied_name(FLEET), commit)

    def hold(self, commit: str) -> None:
        """The branch was taken back to a commit, and nobody has said yet that this is meant."""
        self.course.tip = commit
        self.course.turned = {commit: Turned(verdict="held", diagnostics=(), applied=self.course.applied())}

    def carry_out(self, *steps: Step) -> Done:
        """One round."""
        whole = msgspec.structs.replace(plan(*steps), source=Source(commit=self.commit))
        drivers = {"kvm-01": self._host}
        round_ = Round(loaded=self._loaded, snapshots=[self._host.observe()], plan=whole, drivers=drivers)

        def hear(text: str) -> None:
            self.text += text

        transcript = Transcript(self.commit, hear)
        return self._rounds.carry_out(round_, lambda each: "", transcript, threading.Event(), lambda: "ann")


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path / "fleet")


def test_a_round_is_recorded_before_its_hosts_are_let_go(controller: Controller) -> None:
    """What a person applies afterwards has to stay the applied commit."""
    assert controller.carry_out(step("web")).code is Exit.OK
    assert controller.order == ["lock kvm-01: ", "web: ", f"unlock kvm-01: {controller.commit}"]


def test_what_was_planned_before_a_person_applied_what_is_held_is_not_carried_out(controller: Controller) -> None:
    controller.apply(controller.commit)
    controller.hold(controller.first)
    controller.apply(controller.first)
    for steps in ([step("web")], []):
        with pytest.raises(DriverError, match=f"somebody has applied {controller.first[:12]}"):
            controller.carry_out(*steps)
    assert controller.order == [f"{each} kvm-01: {controller.first}" for each in ("lock", "unlock")]
    assert controller.course.applied() == controller.first


def test_while_nobody_applies_what_is_held_the_commit_in_force_is_carried_out(controller: Controller) -> None:
    controller.apply(controller.commit)
    controller.hold(controller.first)
    assert controller.carry_out(step("web")).code is Exit.OK


def test_that_a_round_cannot_be_recorded_is_told_after_what_was_done(controller: Controller) -> None:
    in_the_way = controller.repository.path / ".git" / "refs" / "notes"
    in_the_way.touch()
    assert controller.carry_out(step("web")).code is Exit.OK
    assert controller.text.index("created Instance/shop/web") < controller.text.index("run is not recorded in Git")
    (entry,) = [each for each in controller.journal.entries() if each.reason == "NotRecorded"]
    assert entry.commit == controller.commit
    assert "consent that commits gave for this is not spent" in entry.message
    assert (controller.recorded, controller.course.applied()) == (("False", "NotRecorded"), "")
    assert "\n" not in entry.message
    in_the_way.unlink()
    controller.carry_out()
    assert (controller.recorded, controller.course.applied()) == (("True", "Recorded"), controller.commit)
