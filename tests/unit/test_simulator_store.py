"""The simulator's state file: what a call changes is there or not, whoever is killed, and whoever reads meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.driver import DriverError
from reconciler_simulator import hypervisor, journal
from reconciler_simulator.model import Volume
from reconciler_simulator.state import State
from reconciler_simulator.store import Store

KEEPER = """
import os, signal, sys
from pathlib import Path
from reconciler_simulator import hypervisor
from reconciler_simulator.model import Volume
from reconciler_simulator.store import Store
store = Store(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    with store.changing() as state:
        hypervisor.create_volume(state, f"{sys.argv[3]}-{number}", Volume(capacity=number))
        store.write(state)
if len(sys.argv) > 4:
    with store.changing() as state:
        hypervisor.create_volume(state, "never", Volume(capacity=1))
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host.json"


def _make(store: Store, name: str, capacity: int = 1) -> None:
    with store.changing() as state:
        hypervisor.create_volume(state, name, Volume(capacity=capacity))
        store.write(state)


def _delete_twice(state: State) -> None:
    hypervisor.delete_volume(state, "a")
    hypervisor.delete_volume(state, "a")


def _names(store: Store) -> list[str]:
    return sorted(store.read().volumes)


def _keep(path: Path, count: int, prefix: str, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KEEPER, str(path), str(count), prefix, *more])


def test_what_was_written_is_seen_by_whoever_reads_then(path: Path) -> None:
    writer, early = Store(path), Store(path)
    assert _names(early) == []
    for name in ("a", "b", "c"):
        _make(writer, name)
        assert _names(early) == _names(Store(path)) == _names(writer)
    with early.changing() as state:
        hypervisor.delete_volume(state, "b")
        early.write(state)
    assert _names(writer) == _names(Store(path)) == ["a", "c"]


def test_what_was_not_written_has_not_happened(path: Path) -> None:
    store = Store(path)
    _make(store, "a", capacity=7)
    before = path.read_bytes()
    with store.changing() as state:
        hypervisor.resize_volume(state, "a", 8)
        hypervisor.create_volume(state, "b", Volume(capacity=1, backing="a"))
    with pytest.raises(hypervisor.RefusalError), store.changing() as state:
        _delete_twice(state)
    assert (_names(store), store.read().volumes["a"].capacity) == (["a"], 7)
    assert not store.read().volumes.known("backing a"), "nor does anything lead there"
    assert path.read_bytes() == before


def test_a_line_that_was_cut_off_anywhere_was_never_there_and_hinders_nobody(path: Path) -> None:
    store = Store(path)
    _make(store, "a")
    whole = path.read_bytes()
    _make(store, "b")
    both = path.read_bytes()
    for end in range(len(whole), len(both)):
        path.write_bytes(both[:end])
        reader = Store(path)
        assert _names(reader) == ["a"], f"cut off after {end} bytes"
        _make(Store(path), "c")
        assert _names(reader) == _names(Store(path)) == ["a", "c"], f"cut off after {end} bytes"


def test_a_file_that_is_gone_or_another_one_is_noticed(path: Path) -> None:
    store = Store(path)
    _make(store, "a")
    saved = path.read_bytes()
    _make(store, "b")
    path.unlink()
    assert store.read() == State()
    path.write_bytes(saved)
    assert _names(store) == ["a"]
    _make(store, "c")
    path.write_bytes(saved)
    assert _names(store) == ["a"], "one that is shorter than what was read of it"


def test_a_file_that_is_damaged_stays_damaged_until_somebody_repairs_it(path: Path) -> None:
    store = Store(path)
    _make(store, "a")
    good = path.read_bytes()
    path.write_bytes(good + b"{\n")
    for _ in range(2):
        with pytest.raises(DriverError, match=r"host\.json"):
            store.read()
    with pytest.raises(DriverError):
        _make(store, "b")
    path.write_bytes(good)
    assert _names(store) == ["a"]


def test_changes_that_have_outgrown_what_they_changed_are_folded_into_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SLACK", 500)
    store, reader = Store(path), Store(path)
    lengths = []
    for number in range(100):
        _make(store, f"v{number:03}")
        lengths.append(len(path.read_bytes().splitlines()))
        assert len(_names(reader)) == number + 1
    assert lengths.count(1) > 2, "the file was begun anew more than once"
    assert reader.read() == Store(path).read() == store.read()
    assert sorted(each.name for each in path.parent.iterdir()) == ["host.json", "host.json.mutex"]


def test_a_killed_writer_leaves_all_that_it_had_written_and_no_more(path: Path) -> None:
    with _keep(path, 5, "w", "die") as writer:
        assert writer.wait(timeout=60) == -signal.SIGKILL
    assert _names(Store(path)) == [f"w-{number}" for number in range(5)]


def test_writers_in_several_processes_lose_nothing_of_each_other(path: Path) -> None:
    writers = [_keep(path, 50, prefix) for prefix in ("x", "y", "z")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert len(_names(Store(path))) == 150


def test_a_call_costs_what_it_changes(path: Path) -> None:
    store = Store(path)
    with store.changing() as state:
        for number in range(1000):
            hypervisor.create_volume(state, f"v{number}", Volume(capacity=1))
        store.write(state)
    before = path.stat()
    _make(store, "one-more")
    after = path.stat()
    assert before.st_ino == after.st_ino
    assert after.st_size - before.st_size < 100
