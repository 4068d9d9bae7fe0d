"""Guests that are asked whether they are ready, and which of them count: those of a commit that is not applied."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Place
from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.kinds.base import Resource
from reconciler.kinds.instance import InstanceSpec
from reconciler.objects import Await, Observed, Readiness
from reconciler.observation import Complete, Snapshot
from reconciler.plan import Change, FieldChange, Origin, Outcome, Plan, Source, Step
from reconciler.reconcile import Options, Round, load
from reconciler.record import applied_name
from reconciler.serve.readying import Readying
from tests.support.hosts import until
from tests.support.memory_driver import MemoryHost, plan, step
from tests.support.repository import Repository

PATIENCE = 10.0
MISSING = "nothing answers"
PORT = Readiness(check="tcp:80", deadline=300)


class History:
    """A repository with three commits, of which `applied` is so."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder)
        self.before, self.applied, self.commit = (self.repository.commit({"a": str(each)}) for each in range(3))
        self.repository.git("update-ref", applied_name("f" * 8), self.applied)
        self.loaded = load(Options(repo=folder, rev="HEAD"))


class Fleet:
    """A controller of a host, and the commits that it has worked for."""

    def __init__(self, history: History) -> None:
        self._loaded, self.repository = history.loaded, history.repository
        self.before, self.applied, self.commit = history.before, history.applied, history.commit
        self.host = MemoryHost("kvm-01")
        self.woken = threading.Event()
        self.readying = self.controller()

    def controller(self) -> Readying:
        """One that knows nothing of what others did."""
        return Readying(lambda: {"kvm-01": self.host}, self.woken.set)

    def round(self, whole: Plan, **standing: str) -> Round:
        """A round of the newest commit; `standing` are guests that run, and for which commit they were last written."""
        instances = {step(name).key.address for name in standing} | {each.key.address for each in whole.steps}
        desired = Desired(fleet=None, resources={each: _instance(each) for each in instances})
        seen = Snapshot(
            host="kvm-01",
            status=Complete(),
            objects=tuple(_observed(name, commit) for name, commit in standing.items()),
        )
        return Round(
            loaded=msgspec.structs.replace(self._loaded, desired=desired),
            snapshots=[seen],
            plan=msgspec.structs.replace(whole, source=Source(commit=self.commit)),
            drivers={"kvm-01": self.host},
        )

    def learn(self, whole: Plan, **standing: str) -> list[str]:
        """All steps succeed; gives who is becoming ready then."""
        return self.learn_awaited(whole, (), **standing)

    def learn_awaited(self, whole: Plan, awaited: tuple[str, ...], **standing: str) -> list[str]:
        """The same, where steps were left until some are ready."""
        outcomes = [Outcome(step=each.id, status="succeeded") for each in whole.steps]
        held = {step(name).key.address for name in awaited}
        self.readying.learn(self.round(whole, **standing), outcomes, held, whole=True)
        return self.names

    @property
    def names(self) -> list[str]:
        """Who is becoming ready."""
        return [each.name for each in self.readying.becoming.pending]

    def look_until(self, what: Callable[[], object]) -> None:
        """Look as often as is due."""

        def so() -> bool:
            self.readying.look()
            return bool(what())

        until(so, PATIENCE, "what looking leads to")


def _instance(address: Address) -> Resource:
    spec = InstanceSpec(flavor="small", image="tiny", readiness="tcp:80", networks={})
    return Resource(address=address, origin=address, spec=spec, place=Place(path="a", line=1, column=1))


def _observed(name: str, commit: str) -> Observed:
    key = step(name).key
    return Observed(key=key, origin=key.address, uid=name, stored={}, running={}, commit=commit)


def start(name: str, *after: str) -> Step:
    """A step that starts a guest."""
    return msgspec.structs.replace(step(name, *after), ready=PORT)


def awaiting(name: str, other: str) -> Step:
    """A step that starts a guest which depends on one that runs."""
    return msgspec.structs.replace(start(name), awaits=(Await(key=step(other).key, readiness=PORT),))


def power(name: str, origin: Origin) -> Plan:
    """A plan that starts a guest which stands, and is down by drift or by a commit."""
    begun = msgspec.structs.replace(start(name), verb="update", impact=Impact.LIVE, paths=("powerState",))
    field = FieldChange(path="powerState", before="Stopped", after="Running", impact=Impact.LIVE, origin=origin)
    change = Change(key=begun.key, action="update", impact=Impact.LIVE, fields=(field,))
    return msgspec.structs.replace(plan(begun), changes=(change,))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """What the tests here share, and change nothing of."""
    return History(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def fleet(history: History) -> Fleet:
    """One of whose guests none answers."""
    made = Fleet(history)
    made.host.readiness = {name: [MISSING] for name in ("web", "db", "old", "a", "b", "c", "d")}
    return made


def test_what_a_commit_starts_is_becoming_ready(fleet: Fleet) -> None:
    assert fleet.learn(plan(start("web"))) == ["web"]


def test_a_guest_that_runs_is_asked_where_a_step_depends_on_it_and_not_again_for_a_while(fleet: Fleet) -> None:
    waits = plan(awaiting("web", "db"))
    assert list(fleet.readying.unready(waits, whole=True)) == [step("db").key.address]
    assert (fleet.names, fleet.readying.freed()) == (["db"], set())
    fleet.learn_awaited(plan(), ("db",))
    fleet.host.readiness["db"] = [""]
    fleet.look_until(lambda: not fleet.names)
    assert [fleet.readying.freed() for _ in range(2)] == [{step("db").key.address}, set()]
    fleet.host.readiness["db"] = [MISSING]
    assert fleet.readying.unready(waits, whole=True) == {}


def test_a_guest_that_is_ready_at_once_leaves_no_step(fleet: Fleet) -> None:
    fleet.host.readiness["db"] = [""]
    assert fleet.readying.unready(plan(awaiting("web", "db")), whole=True) == {}


def test_a_guest_on_which_nothing_depends_any_more_is_not_asked_any_more(fleet: Fleet) -> None:
    fleet.readying.unready(plan(awaiting("web", "db")), whole=True)
    fleet.readying.unready(plan(), whole=False)
    assert fleet.names == ["db"], "that was about something else"
    assert fleet.readying.unready(plan(), whole=True) == {}
    assert fleet.names == []


def test_a_guest_that_died_is_waited_for_where_a_step_depends_on_it(fleet: Fleet) -> None:
    assert fleet.learn_awaited(power("old", "drift"), ("old",), old=fleet.before) == ["old"]
    fleet.host.readiness["old"] = [""]
    fleet.look_until(lambda: not fleet.names)
    assert fleet.readying.freed() == {step("old").key.address}
    fleet.host.readiness["old"] = [MISSING]
    assert fleet.learn_awaited(power("old", "drift"), ("old",), old=fleet.before) == ["old"]
    assert fleet.readying.freed() == set(), "it was started again since it was ready"


def test_a_guest_that_died_does_not_count_for_a_commit_that_did_not_start_it(fleet: Fleet) -> None:
    assert fleet.learn(power("old", "drift"), old=fleet.before) == []
    assert fleet.learn(power("old", "commit"), old=fleet.before) == ["old"]


def test_a_guest_that_died_while_it_was_becoming_ready_has_no_more_time_than_it_had(fleet: Fleet) -> None:
    fleet.learn(plan(start("web")))
    (before,) = fleet.readying.becoming.guests.values()
    assert fleet.learn(power("web", "drift"), web=fleet.commit) == ["web"]
    (after,) = fleet.readying.becoming.guests.values()
    assert after is before


def test_another_controller_finds_who_runs_and_was_written_for_what_is_not_applied(fleet: Fleet) -> None:
    standing = {"old": fleet.before, "db": fleet.applied, "web": fleet.commit}
    assert fleet.learn(plan(), **standing) == ["web"]


def test_another_controller_finds_who_was_written_for_a_commit_that_was_taken_back(fleet: Fleet) -> None:
    aside = fleet.repository.git("commit-tree", "-m", "Aside", "-p", fleet.applied, f"{fleet.applied}^{{tree}}")
    assert fleet.learn(plan(), old=aside, web="--all", db="0" * 40) == ["old"]


def test_who_was_found_once_is_not_looked_for_again(fleet: Fleet) -> None:
    fleet.host.readiness["web"] = [""]
    assert fleet.learn(plan(), web=fleet.commit) == []
    fleet.host.readiness["web"] = [MISSING]
    assert fleet.learn(plan(), web=fleet.commit) == []
    fleet.readying.forget()
    assert fleet.learn(plan(), web=fleet.commit) == ["web"]


def test_where_nobody_can_tell_what_is_applied_all_count(tmp_path: Path) -> None:
    fleet = Fleet(History(tmp_path))
    fleet.host.readiness["old"] = [MISSING]
    (tmp_path / ".git" / applied_name("f" * 8)).write_text("spoilt")
    assert fleet.learn(plan(), old=fleet.before) == ["old"]


def test_guests_that_never_answer_keep_no_other_from_being_looked_at(fleet: Fleet) -> None:
    fleet.learn(plan(*(start(name) for name in ("a", "b", "c", "d", "last"))))
    fleet.look_until(lambda: "last" not in fleet.names)
    assert fleet.names == ["a", "b", "c", "d"]


def test_a_connection_that_breaks_while_a_guest_is_asked_is_not_the_end_of_waiting(fleet: Fleet) -> None:
    fleet.host.readiness["web"] = [DriverError(ErrorClass.TRANSIENT, "the connection is lost"), ""]
    assert fleet.learn(plan(start("web"))) == ["web"]
    fleet.look_until(lambda: not fleet.names)
    assert fleet.readying.becoming.late == []


def test_while_all_are_asked_there_is_nothing_to_do_before_an_answer_or_the_end(fleet: Fleet) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Hangs(MemoryHost):
        def ready(self, instance: Address, check: str) -> str:
            asked.set()
            answer.wait(PATIENCE)
            return ""

    fleet.host = Hangs("kvm-01")
    fleet.learn(plan(start("web")))
    assert asked.wait(PATIENCE)
    (guest,) = fleet.readying.becoming.guests.values()
    assert fleet.readying.next() == guest.end
    fleet.woken.clear()
    answer.set()
    assert fleet.woken.wait(PATIENCE)
    fleet.look_until(lambda: not fleet.names)
    assert fleet.readying.next() is None


def test_that_a_guest_is_ready_is_told_where_it_was_waited_for_before(fleet: Fleet) -> None:
    fleet.learn(plan(start("web")))
    fleet.host.readiness["web"] = [""]
    told: list[str] = []

    def is_told() -> bool:
        fleet.learn(plan(start("ready at once")))
        told.extend(each.text for each in fleet.readying.look())
        return not fleet.names

    until(is_told, PATIENCE, "the guest to be ready")
    assert [each for each in told if "ready" in each.split()[-1:]] == ["Instance/shop/web is ready"]
