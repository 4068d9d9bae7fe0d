"""A person's run, from its locks to its record."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from reconciler.cli.carry_out import carry_out
from reconciler.cli.exits import Exit
from reconciler.plan import Plan, Source
from reconciler.reconcile import Options, Round, load
from reconciler.record import RecordError, applied_name, now, run_of, write
from reconciler.report.recording import said
from reconciler.report.screen import Screen, Stream
from reconciler.source import open_repository
from tests.support.carried_out import Watched
from tests.support.memory_driver import MemoryHost, plan, step
from tests.support.repository import Repository


def test_a_run_is_recorded_before_its_hosts_are_let_go(tmp_path: Path) -> None:
    """A controller that gets a host's lock afterwards must see what is applied, or it would undo it."""
    repository = Repository(tmp_path / "fleet")
    commit = repository.commit({"a": "1"})
    whole = msgspec.structs.replace(plan(step("web")), source=Source(commit=commit))
    order = Watched(repository.path, whole.fleet_id)
    round_ = _round(repository, MemoryHost("kvm-01", order), whole)
    assert carry_out(round_, _screen(), detailed=False, output="text") is Exit.OK
    assert order == ["lock kvm-01: ", "web: ", f"unlock kvm-01: {commit}"]


def test_that_a_run_cannot_be_recorded_is_told_after_what_was_done(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "fleet")
    whole = msgspec.structs.replace(plan(step("web")), source=Source(commit=repository.commit({"a": "1"})))
    (repository.path / ".git" / "refs" / "notes").write_text("in the way")
    both = io.StringIO()
    screen = Screen(Stream(both, {}), Stream(both, {}))
    round_ = _round(repository, MemoryHost("kvm-01"), whole)
    assert carry_out(round_, screen, detailed=False, output="text") is Exit.OK
    told = both.getvalue()
    assert "run is not recorded in Git" in told
    assert told.index("web") < told.index("run is not recorded in Git")


def test_of_a_lock_that_a_killed_git_left_it_is_said_that_it_may_be_removed(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "fleet")
    whole = msgspec.structs.replace(plan(step("web")), source=Source(commit=repository.commit({"a": "1"})))
    stale = repository.path / ".git" / f"{applied_name(whole.fleet_id)}.lock"
    stale.parent.mkdir(parents=True)
    stale.touch()
    run = run_of(whole, [], time=now(), by="ann")
    with pytest.raises(RecordError) as problem:
        write(open_repository(repository.path), whole.source.commit, run, patience=0)
    told = said(problem.value)
    assert f"{stale}': File exists. If no Git runs there, one that was killed left that file: remove it." in told
    assert "\n" not in told


def _round(repository: Repository, host: MemoryHost, whole: Plan) -> Round:
    loaded = load(Options(repo=repository.path, rev="HEAD"))
    return Round(loaded=loaded, snapshots=[host.observe()], plan=whole, drivers={host.name: host})


def _screen() -> Screen:
    return Screen(Stream(io.StringIO(), {}), Stream(io.StringIO(), {}))
