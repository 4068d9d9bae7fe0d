"""What whoever pushed is told where there is nobody to follow, and what Git's hooks are told."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.hooks.post_receive import accepted
from reconciler.hooks.site import Site
from reconciler.hooks.updates import NotGit, branch_of, deleted, made, name_of, read
from reconciler.report.screen import Screen, Stream
from reconciler.serve.checking import Deployment
from reconciler.serve.controls import Ending, Refusal, Tell
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.place import bound, connect
from reconciler.serve.socket.server import listening
from tests.support.controls import Remembering
from tests.support.hosts import until

OLD, NEW, NOTHING = "a" * 40, "b" * 40, "0" * 40


def somebody_elses(folder: Path) -> Path:
    """A folder that belongs to another user than the one who runs the tests."""
    if os.geteuid():
        return Path("/")
    os.chown(folder, 65534, -1)
    return folder


def follow(repository: Path, ref: str = "refs/heads/main", new: str = NEW, **patience: float) -> tuple[int, str]:
    """What a hook says of a push, and its exit code."""
    told = io.StringIO()
    return follow_into(told, repository, ref, new, **patience), told.getvalue()


def follow_into(told: io.StringIO, repository: Path, ref: str, new: str, **patience: float) -> int:
    """What a hook says goes there as it comes."""
    site = Site(deployment=Deployment(repository=str(repository), branch="main"), socket=repository / "s")
    screen = Screen(Stream(io.StringIO(), {}), Stream(told, {}))
    return accepted(site, read([f"{OLD} {new} {ref}\n".encode()]), {}, screen, **patience)


@contextmanager
def controller(repository: Path, controls: Remembering, *, worker: bool = False) -> Iterator[None]:
    """A controller that says what it was told to, and is asked of no push whether it may pass."""
    with listening(repository / "s", Answering(controls, lambda *_: 0, worker=worker).answer):
        yield


def test_where_the_repository_is_somebody_elses_it_is_said_who_has_to_run_what(tmp_path: Path) -> None:
    repository = somebody_elses(tmp_path)
    code, told = follow(repository, "refs/heads/main")
    assert code == 1
    assert "main has the commit, and nobody deploys it yet." in told
    assert f"has to run: reconciler serve --repo {repository}" in told


def test_a_controller_that_is_stopped_is_followed_no_longer_and_it_is_said_what_to_do(tmp_path: Path) -> None:
    with bound(tmp_path / "s"):
        code, told = follow(tmp_path, patience=0.2)
    assert code == 1
    assert "main has the commit, and what becomes of it cannot be told here:" in told
    assert f"(process {os.getpid()} of " in told
    assert f"kill -CONT {os.getpid()}" in told
    assert f"How it stands, once it answers: reconciler status --repo {tmp_path} --socket {tmp_path}/s" in told


def test_a_controller_that_takes_no_connection_is_not_replaced(tmp_path: Path) -> None:
    with bound(tmp_path / "s") as server:
        server.listen(0)
        with connect(tmp_path / "s"):
            code, told = follow(tmp_path, patience=0.2)
    assert code == 1
    assert "it takes no connection: it is stopped, or hangs" in told
    assert not (tmp_path / "reconciler").exists(), "a worker was started beside it"


def test_a_push_follows_the_controller_that_comes_after_one_that_was_told_to_end(tmp_path: Path) -> None:
    old, told, codes = Remembering(), io.StringIO(), []
    old.ending = Ending(stopped=True)
    following = threading.Thread(
        target=lambda: codes.append(follow_into(told, tmp_path, "refs/heads/main", NEW, patience=20, to_appear=20))
    )
    with controller(tmp_path, old):
        following.start()
        until(lambda: "Waiting for the next one." in told.getvalue(), 20, "the follower to be told")
    with controller(tmp_path, Remembering("The rest is done.\n")):
        following.join(timeout=20)
    assert codes == [0]
    assert told.getvalue().endswith("Waiting for the next one.\nThe rest is done.\n")


def test_where_none_comes_after_it_nothing_is_started_and_it_is_said_what_does_the_rest(tmp_path: Path) -> None:
    stopped = Remembering()
    stopped.ending = Ending(stopped=True)
    with controller(tmp_path, stopped):
        code, told = follow(tmp_path, patience=20, to_appear=0.0)
    assert code == 1
    assert "main has the commit, and what is left to do waits for the next controller." in told
    assert "The controller was told to end, and no other one has come within 0 s." in told
    assert f"reconciler serve --until-idle --repo {tmp_path} --branch main --socket {tmp_path}/s" in told
    assert not (tmp_path / "reconciler").exists(), "what somebody stopped was started again"


def test_one_who_finds_no_place_is_not_told_that_something_failed(tmp_path: Path) -> None:
    def full(tell: Tell) -> None:
        raise Refusal("too many are asking at once")

    busy = Remembering()
    busy.following = full
    with controller(tmp_path, busy):
        code, told = follow(tmp_path, patience=20)
    assert code == 1
    assert "not all of it is done" not in told
    assert "cannot be told here:\n  Too many are asking at once.\n" in told


@pytest.mark.parametrize(
    ("worker", "code", "said"),
    [
        (False, 1, "What the controller does about that: reconciler status"),
        (True, 1, "Nobody tries that again unasked, as no controller stays here."),
        (True, 4, "something is refused or left alone (exit code 4).\n"),
    ],
)
def test_it_is_said_who_tries_again_what_failed(tmp_path: Path, worker: bool, code: int, said: str) -> None:
    with controller(tmp_path, Remembering(code=code), worker=worker):
        _, told = follow(tmp_path, patience=20)
    assert "not all of it is done: " in told
    assert said in told
    assert ("The next push does it" in told) == (worker and code == 1)


@pytest.mark.parametrize(
    ("ref", "new"), [("refs/heads/other", NEW), ("refs/tags/main", NEW), ("refs/heads/main", NOTHING)]
)
def test_what_does_not_deploy_is_not_followed(tmp_path: Path, ref: str, new: str) -> None:
    assert follow(tmp_path, ref, new) == (0, "")


def test_updates_are_read_as_git_tells_them() -> None:
    (update,) = read([f"{NOTHING} {NEW} refs/heads/a b\n".encode()])
    assert (branch_of(update), made(update), deleted(update)) == ("a b", True, False)
    assert len(name_of(read([f"{OLD} {NEW} refs/heads/{'x' * 5000}\n".encode()])[0])) < 200
    for line in ("", "hello", f"{OLD} {NEW}", f"{OLD} main refs/heads/main", f"{OLD[:-1]} {NEW} refs/heads/main"):
        with pytest.raises(NotGit):
            read([line.encode()])
