"""What was applied, written into real repositories: by many at once, by killed writers, and into hostile ones."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler import record
from reconciler.address import Address, ObjectKey
from reconciler.plan import Outcome, Plan, Source, Step
from reconciler.record import RecordError, Run
from reconciler.record.run import MOST_BYTES, MOST_RUNS, read, written
from reconciler.source import open_repository
from tests.support.repository import Repository

FLEET = "5d7d6e0d-d89e-461c-9986-b9c5600c831a"
WEB = Step(id="web", key=ObjectKey("lab", Address("Instance", "shop", "web-1")), verb="create")


def run(*outcomes: Outcome, time: str = "2026-01-01T00:00:00.000+00:00", **more: Any) -> Run:
    plan = Plan(fleet="acme", fleet_id=FLEET, source=Source(), steps=(WEB,), **more)
    return record.run_of(plan, outcomes, time=time, by="ada@desk")


GOOD = run(Outcome(step="web", status="succeeded"))
BAD = run(Outcome(step="web", status="failed", error="no space left"))
IDLE = run()


def write(repository: Repository, commit: str, *runs: Run) -> None:
    for each in runs:
        record.write(open_repository(repository.path), commit, each, patience=60)


def applied(repository: Repository) -> str:
    return record.applied(open_repository(repository.path), FLEET)


def runs(repository: Repository, commit: str) -> list[Run]:
    return record.records(open_repository(repository.path), FLEET).runs.get(commit, [])


def test_a_run_without_a_failure_makes_its_commit_the_applied_one(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, GOOD)
    assert repository.git("rev-parse", f"refs/reconciler/{FLEET}/applied") == commit
    assert applied(repository) == commit
    assert runs(repository, commit) == [GOOD]


def test_a_commit_does_not_count_as_applied_while_its_guests_are_not_ready(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    waiting = msgspec.structs.replace(GOOD, not_ready=1)
    write(repository, commit, waiting, msgspec.structs.replace(IDLE, not_ready=1))
    assert (applied(repository), runs(repository, commit)) == ("", [waiting])
    write(repository, commit, IDLE)
    assert (applied(repository), runs(repository, commit)) == (commit, [waiting, IDLE])


def test_git_shows_the_note_with_what_was_done_and_by_whom(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, BAD)
    note = json.loads(repository.git("notes", "--ref", f"reconciler/{FLEET}", "show", commit))
    assert note["by"] == "ada@desk"
    assert note["steps"] == [
        {
            "verb": "create",
            "address": "Instance/shop/web-1",
            "host": "lab",
            "status": "failed",
            "error": "no space left",
        }
    ]


@pytest.mark.parametrize(
    "second",
    [
        BAD,
        run(Outcome(step="web", status="skipped", blocked_by="lan")),
        run(Outcome(step="web", status="not-run")),
        run(Outcome(step="web", status="succeeded"), partial=True),
        run(Outcome(step="web", status="succeeded"), extent="targeted"),
        run(Outcome(step="web", status="succeeded"), extent="emptied"),
    ],
    ids=["failed", "skipped", "not run", "partial", "targeted", "destroyed"],
)
def test_a_run_that_leaves_something_open_is_noted_and_moves_nothing(repository: Repository, second: Run) -> None:
    first, later = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    write(repository, first, GOOD)
    write(repository, later, second)
    assert applied(repository) == first
    assert runs(repository, later) == [second]


def test_going_back_to_an_older_commit_makes_that_the_applied_one(repository: Repository) -> None:
    old, new = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    write(repository, new, GOOD)
    write(repository, old, GOOD)
    assert applied(repository) == old


def test_a_run_that_had_nothing_to_do_is_told_once(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, IDLE)
    before = repository.git("for-each-ref")
    write(repository, commit, IDLE, IDLE)
    assert (runs(repository, commit), repository.git("for-each-ref")) == ([IDLE], before)


def test_a_run_that_had_nothing_left_to_do_after_a_failed_one_makes_the_commit_applied(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, BAD, IDLE)
    assert (applied(repository), len(runs(repository, commit))) == (commit, 2)


def test_notes_that_git_keeps_elsewhere_are_found_and_kept(repository: Repository) -> None:
    commits = [repository.commit({"a": str(number)}) for number in range(3)]
    write(repository, commits[0], GOOD)
    repository.git("notes", "--ref", f"reconciler/{FLEET}", "add", "-m", "by hand", commits[1])  # at the top, flat
    write(repository, commits[0], BAD)
    write(repository, commits[1], GOOD)
    assert "by hand" in repository.git("show", f"refs/notes/reconciler/{FLEET}^^:{commits[1]}")
    assert [len(runs(repository, commit)) for commit in commits] == [2, 1, 0]


def test_no_writer_loses_the_notes_of_another(repository: Repository) -> None:
    commits = [repository.commit({"a": str(number)}) for number in range(4)]
    each = [msgspec.structs.replace(GOOD, time=f"2026-01-01T00:00:{second:02}+00:00") for second in range(4)]
    with ThreadPoolExecutor(8) as writers:
        done = [writers.submit(write, repository, commit, one) for one in each for commit in commits]
    assert [one.result() for one in done] == [None] * 16
    assert {commit: runs(repository, commit) for commit in commits} == dict.fromkeys(commits, each)
    assert applied(repository) in commits


def test_a_writer_that_is_killed_leaves_whole_notes_and_no_lock(repository: Repository) -> None:
    commits = [repository.commit({"a": str(number)}) for number in range(12)]
    told = 0
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(repository.path), *commits], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            for _ in range(3):
                told = max(told, int(writer.stdout.readline()) + 1)
            writer.send_signal(signal.SIGKILL)
    assert repository.git("fsck", "--no-dangling", "--no-progress") == ""
    assert all(runs(repository, commit) for commit in commits[:told])
    write(repository, commits[-1], GOOD)
    assert applied(repository) == commits[-1]


_WRITER = """
import sys
from pathlib import Path
from reconciler import record
from reconciler.source import open_repository
from tests.unit.test_record import GOOD
repo = open_repository(Path(sys.argv[1]))
for number, commit in enumerate(sys.argv[2:]):
    record.write(repo, commit, GOOD)
    print(number, flush=True)
"""


def test_losing_the_references_loses_history_and_the_next_run_begins_it_anew(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, GOOD, BAD)
    repository.git("update-ref", "-d", f"refs/notes/reconciler/{FLEET}")
    repository.git("update-ref", "-d", f"refs/reconciler/{FLEET}/applied")
    assert (applied(repository), runs(repository, commit)) == ("", [])
    write(repository, commit, IDLE)
    assert (applied(repository), runs(repository, commit)) == (commit, [IDLE])


@pytest.mark.parametrize("lost", ["", "^{tree}", ":NOTE"], ids=["the commit", "its tree", "the note"])
def test_notes_that_lack_an_object_say_how_to_forget_them_and_that_helps(repository: Repository, lost: str) -> None:
    """As `git gc --prune=now` beside a run may leave them."""
    commit = repository.commit({"a": "1"})
    write(repository, commit, GOOD)
    name = f"refs/notes/reconciler/{FLEET}"
    place = lost.replace("NOTE", f"{commit[:2]}/{commit[2:]}")
    identity = repository.git("rev-parse", f"{name}{place}")
    (repository.path / ".git" / "objects" / identity[:2] / identity[2:]).unlink()
    remedy = f"git update-ref -d {name}"
    with pytest.raises(RecordError, match=remedy):
        runs(repository, commit)
    with pytest.raises(RecordError, match=remedy):
        write(repository, commit, BAD)
    repository.git(*remedy.split()[1:])
    write(repository, commit, BAD)
    assert (applied(repository), runs(repository, commit)) == (commit, [BAD])


@pytest.mark.parametrize("lost", ["", "^{tree}", ":NOTE"], ids=["the commit", "its tree", "the note"])
def test_notes_that_lack_an_object_are_had_again_from_a_clone(
    repository: Repository, tmp_path: Path, lost: str
) -> None:
    commit = repository.commit({"a": "1"})
    write(repository, commit, GOOD)
    name = f"refs/notes/reconciler/{FLEET}"
    clone = tmp_path / "clone.git"
    repository.git("clone", "--quiet", "--mirror", "--no-local", str(repository.path), str(clone))
    place = lost.replace("NOTE", f"{commit[:2]}/{commit[2:]}")
    identity = repository.git("rev-parse", f"{name}{place}")
    (repository.path / ".git" / "objects" / identity[:2] / identity[2:]).unlink()
    with pytest.raises(RecordError) as told:
        runs(repository, commit)
    for remedy in re.findall(r": git (.+)", str(told.value)):
        repository.git(*remedy.replace("CLONE", str(clone)).split())
    assert runs(repository, commit) == [GOOD]


@pytest.mark.parametrize("place", ["refs/heads", "refs/tags"])
def test_a_branch_or_tag_that_has_the_name_of_the_record_is_not_the_record(repository: Repository, place: str) -> None:
    """Whoever may push can make one, before there is a record and after it was lost."""
    commit = repository.commit({"a": "1"})
    for name in (f"refs/reconciler/{FLEET}/applied", f"refs/notes/reconciler/{FLEET}"):
        repository.git("update-ref", f"{place}/{name}", commit)
    assert (applied(repository), runs(repository, commit)) == ("", [])
    write(repository, commit, GOOD)
    assert (applied(repository), runs(repository, commit)) == (commit, [GOOD])


def test_a_record_that_cannot_be_read_is_not_taken_for_none(repository: Repository) -> None:
    repo = open_repository(repository.path)
    (repository.path / ".git" / "packed-refs").write_text("damaged\n")
    with pytest.raises(RecordError):
        record.applied(repo, FLEET)


def test_nothing_of_a_hostile_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"a": "1"})
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\n')
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change", "pre-commit", "post-commit", "commit-msg"):
        for folder in (hooks, repository.path / ".git" / "hooks"):
            (folder / name).write_bytes(program.read_bytes())
            (folder / name).chmod(0o755)
    (repository.path / ".git" / "info").mkdir(exist_ok=True)
    (repository.path / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    for key in (
        "core.fsmonitor",
        "gpg.program",
        "filter.evil.clean",
        "diff.evil.textconv",
        "core.editor",
        "core.pager",
    ):
        repository.git("config", key, str(program))
    repository.git("config", "core.hooksPath", str(hooks))
    repository.git("config", "commit.gpgSign", "true")
    repository.git("symbolic-ref", f"refs/reconciler/{FLEET}/applied", "refs/heads/other")
    canary.unlink(missing_ok=True)
    write(repository, commit, GOOD)
    assert applied(repository) == commit
    assert not canary.exists(), canary.read_text()
    assert repository.git("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"


def test_a_repository_that_cannot_be_written_is_told_in_gits_words(repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    (repository.path / ".git" / "refs" / "notes").write_text("in the way")
    with pytest.raises(RecordError, match=r"git update-ref: .*refs/notes"):
        write(repository, commit, GOOD)
    assert applied(repository) == ""


def test_a_note_keeps_the_newest_runs_and_never_grows_beyond_its_bound() -> None:
    many = [msgspec.structs.replace(GOOD, time=f"2026-01-01T00:00:{second:02}+00:00") for second in range(30)]
    assert read(written(many)) == many[-MOST_RUNS:]
    huge = [msgspec.structs.replace(each, fleet="x" * (MOST_BYTES // 3)) for each in many[:5]]
    assert read(written(huge)) == huge[-2:]


def test_the_last_clean_run_of_a_commit_stays_recorded_whatever_comes_after_it() -> None:
    """That what it consented to is spent must not be forgotten."""
    later = [msgspec.structs.replace(BAD, time=f"2026-01-02T00:00:{second:02}+00:00") for second in range(30)]
    assert read(written([GOOD, GOOD, *later])) == [GOOD, *later[1 - MOST_RUNS :]]


def test_lines_of_a_note_that_are_no_record_are_passed_over() -> None:
    later = written([msgspec.structs.replace(GOOD, format_version=2)])
    assert read(b"by hand\n\xff\xfe\n{}\n[]\n" + later + written([GOOD])) == [GOOD]
