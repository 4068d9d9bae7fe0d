"""The file of a cache: whatever happens to it, it is right or empty, and nobody fails for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import pack
from reconciler.pack import Pack, version_of


def filled(path: Path, **entries: bytes) -> Pack:
    made = Pack(path, "1")
    for key, entry in entries.items():
        made.put(key, entry)
    made.save()
    return made


def test_what_was_put_is_there_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.pack"
    filled(path, a=b"1", b=b"")
    again = Pack(path, "1")
    assert (again.get("a"), again.get("b"), again.get("c")) == (b"1", b"", None)


def test_nobody_else_can_read_or_write_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.pack"
    filled(path, a=b"1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_entries_of_another_version_are_forgotten(tmp_path: Path) -> None:
    filled(tmp_path / "a.pack", a=b"1")
    assert Pack(tmp_path / "a.pack", "2").get("a") is None


@given(place=st.integers(0, 200), byte=st.integers(1, 255))
def test_a_file_in_which_any_byte_was_changed_counts_as_empty(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("pack") / "a.pack"
    filled(path, a=b"1" * 50, b=b"2" * 50)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= byte
    path.write_bytes(data)
    damaged = Pack(path, "1")
    assert (damaged.get("a"), damaged.get("b")) == (None, None)


@pytest.mark.parametrize("kept", [0, 10, 32, 40])
def test_a_file_that_was_cut_off_counts_as_empty_and_is_replaced(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.pack"
    filled(path, a=b"1" * 50)
    os.truncate(path, kept)
    assert Pack(path, "1").get("a") is None
    filled(path, a=b"2")
    assert Pack(path, "1").get("a") == b"2"


def test_a_file_that_others_can_write_or_a_link_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path / "a.pack", a=b"1")
    (tmp_path / "link.pack").symlink_to(tmp_path / "a.pack")
    assert Pack(tmp_path / "link.pack", "1").get("a") is None
    (tmp_path / "a.pack").chmod(0o620)
    assert Pack(tmp_path / "a.pack", "1").get("a") is None


def test_a_place_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert filled(tmp_path / "file" / "a.pack", a=b"1").get("a") == b"1"


@pytest.mark.parametrize(("bound", "bytes_"), [("MOST_BYTES", 600), ("SLACK", 200)])
def test_what_was_used_last_is_kept_when_there_is_not_room_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, bytes_: int
) -> None:
    path = tmp_path / "a.pack"
    filled(path, **{f"k{number}": b"x" * 100 for number in range(10)})
    monkeypatch.setattr(pack, bound, bytes_)
    used = Pack(path, "1")
    used.get("k7")
    used.put("new", b"y" * 100)
    used.save()
    after = Pack(path, "1")
    assert (after.get("k7"), after.get("new")) == (b"x" * 100, b"y" * 100)
    assert path.stat().st_size < 700


def _write(path: Path, name: str) -> None:
    for number in range(50):
        filled(path, **{name: name.encode() * number})


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    writers = [multiprocessing.Process(target=_write, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen = Pack(path, "1")
        assert all(set(seen.get(name) or b"") <= set(name.encode()) for name in "abc")
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert any(Pack(path, "1").get(name) for name in "abc")
    assert list(tmp_path.iterdir()) == [path]


def _write_forever(path: Path) -> None:
    while True:
        filled(path, a=os.urandom(1 << 20))


def test_a_writer_that_is_killed_leaves_the_old_file_and_what_it_left_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.pack"
    filled(path, b=b"kept")
    for _ in range(5):
        writer = multiprocessing.Process(target=_write_forever, args=(path,))
        writer.start()
        writer.join(0.1)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        assert Pack(path, "1").get("b") == b"kept"
    left = tmp_path / "a.pack.left"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    filled(path, a=b"1")
    assert not left.exists()


def test_a_version_is_that_of_the_code(tmp_path: Path) -> None:
    module = tmp_path / "a.py"
    module.write_text("x = 1\n")
    before = version_of([module])
    module.write_text("x = 2\n")
    assert version_of([module]) != before == version_of([_copy(module, "x = 1\n")])


def _copy(module: Path, text: str) -> Path:
    module.write_text(text)
    return module
