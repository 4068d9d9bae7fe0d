"""Where a controller listens: in a folder that only it can write, whoever else may write the repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.serving import not_listening
from reconciler.hooks.worker import log_of
from reconciler.serve.socket.place import Unsafe, bound, connect, folder_of, let_group_in, socket_of

SOMEBODY, GROUP = 65534, 4711


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The Git directory of a repository that is shared with a group."""
    tmp_path.chmod(0o2775)
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_somebody(act: Callable[[], object], place: Path) -> bool:
    """Whether another user of the group may do something in a place."""
    os.chown(place, -1, GROUP)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(place)  # the folders above may be closed to them
            os.setgroups([])
            os.setgid(GROUP)
            os.setuid(SOMEBODY)
            act()
            os._exit(0)
        except OSError:
            os._exit(1)
        finally:
            os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


def test_the_group_of_a_shared_repository_may_enter_the_controllers_folder_and_not_write_it(shared: Path) -> None:
    assert mode(folder_of(shared)) & 0o777 == 0o755
    folder_of(shared).chmod(0o2775)  # as earlier releases left it
    assert mode(folder_of(shared)) == 0o2755


def test_the_folder_of_a_repository_of_one_user_stays_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert mode(folder_of(tmp_path)) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_pusher_of_the_group_can_ask_and_can_put_nothing_in_the_controllers_place(shared: Path) -> None:
    folder, socket = folder_of(shared), socket_of(Path())
    with bound(socket_of(shared)):
        os.chown(socket_of(shared), -1, GROUP)
        assert as_somebody(lambda: connect(socket).close(), shared)
        assert not as_somebody(socket.unlink, shared)
        assert not as_somebody(lambda: socket.rename(socket.with_name("gone")), shared)
        assert not as_somebody(log_of(Path()).touch, shared)
    assert sorted(each.name for each in folder.iterdir()) == ["serve.sock.lock"]


def test_what_stands_in_the_place_of_the_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "reconciler").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unsafe, match="is no folder: remove it"):
        folder_of(tmp_path)
    (tmp_path / "reconciler").unlink()
    (tmp_path / "reconciler").touch()
    with pytest.raises(Unsafe, match="is no folder: remove it"):
        folder_of(tmp_path)


def test_what_somebody_else_made_is_not_used_and_it_is_said_whose_it_is(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    if os.geteuid() == 0:
        os.chown(folder, SOMEBODY, -1)
    with pytest.raises(Unsafe, match="belongs to ") as refused:
        let_group_in(folder if os.geteuid() == 0 else Path("/"))
    told = not_listening(socket_of(tmp_path), refused.value).diagnostics[0]
    assert str(refused.value) in told.detail


def test_the_mode_of_what_a_link_in_the_sockets_place_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret", tmp_path / "s"
    secret.touch(0o600)
    path.symlink_to(secret)
    with pytest.raises(OSError):  # noqa: PT011 - as the kernel says it
        let_group_in(path)
    assert mode(secret) == 0o600


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (
            "none/s",
            "there is no folder {}/none. Make it, for the group of those who may ask: install -d -m 0750 {}/none",
        ),
        ("taken", "there is something that is no socket"),
    ],
)
def test_why_nothing_can_listen_in_a_place_is_told_with_what_to_do(tmp_path: Path, place: str, told: str) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError) as problem, bound(tmp_path / place):  # noqa: PT011 - any
        pass
    only = not_listening(tmp_path / place, problem.value).diagnostics[0]
    assert told.format(tmp_path, tmp_path) in only.detail
    assert "Another place is named by --socket" in only.detail
