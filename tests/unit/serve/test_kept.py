"""What a controller keeps in Git: nobody's suspension is lost, and what cannot be read is no permission."""

from __future__ import annotations

import threading

import pytest

from reconciler.record import RecordError
from reconciler.serve import kept
from reconciler.serve.patience import suspension
from reconciler.serve.telling.status import Suspension
from reconciler.source import open_repository
from tests.support.repository import Repository

FLEET = "3f8a2b1c-0d4e-4f5a-9b6c-7d8e9f0a1b2c"


@pytest.fixture
def repository(repository: Repository) -> Repository:
    repository.commit({"a": "b"})
    return repository


def suspend(repository: Repository, what: str) -> None:
    new = Suspension(what=what, by="ann", time="now", reason="disks")
    kept.change(open_repository(repository.path), FLEET, lambda before: suspension.added(before, new))


def suspended(repository: Repository) -> list[str]:
    return [each.what for each in kept.suspensions(open_repository(repository.path), FLEET)]


def test_what_is_suspended_is_found_again_and_gone_when_nothing_is(repository: Repository) -> None:
    suspend(repository, "Host/kvm-01")
    assert suspended(repository) == ["Host/kvm-01"]
    kept.change(open_repository(repository.path), FLEET, lambda before: suspension.removed(before, "Host/kvm-01"))
    assert suspended(repository) == []
    assert "suspended" not in repository.git("for-each-ref")


def test_of_many_who_suspend_at_once_none_is_lost(repository: Repository) -> None:
    names = [f"Host/kvm-{number:02}" for number in range(6)]
    threads = [threading.Thread(target=suspend, args=(repository, name)) for name in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert suspended(repository) == names


def test_nobody_suspends_by_pushing_a_tag(repository: Repository) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", data=b'[{"what":"fleet","by":"eve","time":"now"}]')
    repository.git("update-ref", f"refs/tags/{kept.suspended_name(FLEET)}", blob)
    assert suspended(repository) == []


@pytest.mark.parametrize("content", [b"nonsense", b'[{"what": 1}]', b"\xff", b"[" * (2 << 20)])
def test_what_cannot_be_read_is_told_until_it_is_forgotten(repository: Repository, content: bytes) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", data=content)
    repository.git("update-ref", kept.suspended_name(FLEET), blob)
    with pytest.raises(RecordError, match="what is suspended cannot be read"):
        suspended(repository)
    kept.forget(open_repository(repository.path), FLEET)
    assert suspended(repository) == []


def test_the_commit_in_force_says_which_fleet_a_repository_serves(repository: Repository) -> None:
    repo = open_repository(repository.path)
    assert (kept.fleets(repo), kept.in_force(repo, FLEET)) == ([], "")
    commit = repository.git("rev-parse", "HEAD")
    kept.put_in_force(repo, FLEET, commit)
    assert (kept.fleets(repo), kept.in_force(repo, FLEET)) == ([FLEET], commit)
