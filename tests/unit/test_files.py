"""Files by source and digest: where they are looked for, and that nothing unverified is handed out."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler.files import FleetFiles

CONTENT = b"a kernel"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://images.example.org/disk"


class Committed:
    """A commit that has these files."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}

    def copy_file(self, path: str, target: BinaryIO) -> bool:
        target.write(self.files.get(path, b""))
        return path in self.files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refusal(files: FleetFiles, source: str) -> str:
    with files, pytest.raises(DriverError) as caught:
        files.fetch(source, SHA256)
    assert caught.value.error_class is ErrorClass.YOURS
    return str(caught.value)


def test_a_trusted_folder_comes_before_the_commit(folder: Path) -> None:
    (folder / "lab").mkdir()
    (folder / "lab" / "kernel").write_bytes(CONTENT)
    with FleetFiles([folder / "none", folder], Committed({"lab/kernel": b"other"})) as files:
        assert files.fetch("lab/kernel", SHA256) == folder / "lab" / "kernel"


def test_a_file_of_the_commit_is_handed_out_privately_and_for_the_run_only(folder: Path) -> None:
    with FleetFiles([folder], Committed({"lab/kernel": CONTENT})) as files:
        path = files.fetch("lab/kernel", SHA256)
        assert path.read_bytes() == CONTENT
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_a_run_that_fetches_nothing_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with FleetFiles([], Committed()):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_has_left_is_removed_by_the_next_and_what_is_held_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, fresh, foreign = (tmp_path / name for name in ("reconciler-files-a", "reconciler-files-b", "other"))
    for path in (left, fresh, foreign):
        path.mkdir()
        (path / "disk").write_bytes(CONTENT)
    os.utime(left, (0, 0))
    os.utime(foreign, (0, 0))
    with FleetFiles([], Committed({"lab/kernel": CONTENT})) as first:
        used = first.fetch("lab/kernel", SHA256)
        os.utime(used.parent, (0, 0))
        with FleetFiles([], Committed({"lab/kernel": CONTENT})) as second:
            second.fetch("lab/kernel", SHA256)
        assert used.exists(), "another run is using it"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["other", "reconciler-files-b"]


def test_a_file_that_is_nowhere_is_told_with_the_places_looked_in(folder: Path) -> None:
    assert f"in {folder}, the commit" in refusal(FleetFiles([folder], Committed()), "lab/kernel")


@pytest.mark.parametrize("where", ["folder", "commit"])
def test_other_content_is_refused_with_both_digests(folder: Path, where: str) -> None:
    if where == "folder":
        (folder / "kernel").write_bytes(b"other")
    error = refusal(FleetFiles([folder], Committed({"kernel": b"other"})), "kernel")
    assert SHA256 in error
    assert hashlib.sha256(b"other").hexdigest() in error


@pytest.mark.parametrize(
    "source", ["../secret", "lab/../../secret", "/etc/hostname", "a\\b", "a\0b", "..", ".", "", "link", "linked/secret"]
)
def test_no_path_leads_out_of_a_folder(folder: Path, source: str) -> None:
    (folder.parent / "outside").mkdir()
    for secret in (folder.parent / "secret", folder.parent / "outside" / "secret"):
        secret.write_bytes(CONTENT)
    (folder / "link").symlink_to("../secret")
    (folder / "linked").symlink_to(folder.parent / "outside")
    refusal(FleetFiles([folder], Committed()), source)


def test_a_link_within_a_trusted_folder_is_followed(folder: Path) -> None:
    (folder / "kernel-1").write_bytes(CONTENT)
    (folder / "kernel").symlink_to("kernel-1")
    with FleetFiles([folder], Committed()) as files:
        assert files.fetch("kernel", SHA256).read_bytes() == CONTENT


class Server:
    """Stands in for the network and counts what it is asked."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content, self.asked = content, 0
        self.slow = threading.Event()

    def __call__(self, url: str, sha256: str, target: Path) -> None:
        self.asked += 1
        self.slow.wait(0.05)
        target.write_bytes(self.content)


def test_a_download_is_kept_for_later_runs_and_verified_again(cache: Path) -> None:
    server = Server()
    for _ in range(2):
        with FleetFiles([], Committed(), server) as files:
            path = files.fetch(URL, SHA256)
    assert (path.read_bytes(), server.asked, path.is_relative_to(cache)) == (CONTENT, 1, True)
    path.write_bytes(b"damaged")
    with FleetFiles([], Committed(), server) as files:
        assert files.fetch(URL, SHA256).read_bytes() == CONTENT
    assert server.asked == 2


def test_one_content_is_fetched_once_for_all_who_ask() -> None:
    server, found = Server(), []
    with FleetFiles([], Committed(), server) as files:
        threads = [threading.Thread(target=lambda: found.append(files.fetch(URL, SHA256))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert (server.asked, len(found), len(set(found))) == (1, 4, 1)


def test_a_failed_fetch_can_be_tried_again(folder: Path) -> None:
    with FleetFiles([folder], Committed()) as files:
        with pytest.raises(DriverError):
            files.fetch("kernel", SHA256)
        (folder / "kernel").write_bytes(CONTENT)
        assert files.fetch("kernel", SHA256) == folder / "kernel"
