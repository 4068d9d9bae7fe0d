"""A limited process: what it gets, what it cannot do, and what is told when it wanted more."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import msgspec
import pytest

from reconciler import apart
from reconciler.apart import Apart
from reconciler.apart.question import Question
from reconciler.cli.checks import machine_checks
from reconciler.diagnostic import DiagnosticError
from reconciler.guard import Allow
from reconciler.limited import MIB, LimitedProcess, Limits, Process, broken
from tests.support.hosts import until

LIMITS = Limits(seconds=60, cpu=20, memory=1024 * MIB, file=MIB, output=MIB)


def ask(work: str, question: bytes = b"", **limits: object) -> bytes:
    """What one of `limited_work` answers."""
    bounds = msgspec.structs.replace(LIMITS, **limits)
    with LimitedProcess(f"tests.support.limited_work:{work}", bounds) as process:
        return process.ask(question)


def refusal(work: str, question: bytes = b"", **limits: object) -> str:
    """What is told when there is no answer."""
    with pytest.raises(DiagnosticError) as caught:
        ask(work, question, **limits)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "limits-exceeded"
    return diagnostic.detail


def test_an_answer_of_any_bytes_comes_back() -> None:
    question = bytes(range(256)) * 2000
    assert ask("repeat", question) == question
    assert ask("repeat") == b""


def test_no_secret_of_the_environment_and_no_network_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/canary")
    with socket.create_server(("127.0.0.1", 0)) as door:
        found = json.loads(ask("tell", str(door.getsockname()[1]).encode()))
    assert "canary" not in json.dumps(found)
    assert set(found["environment"]) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "TMPDIR", "TZ"}
    possible = subprocess.run(["unshare", "--net", "--map-root-user", "true"], check=False, capture_output=True)
    assert found["reached"] is (possible.returncode != 0), "left where the kernel lets us"
    assert (found["cores"], found["threads"]) == ([0, 0], 1)


def test_doctor_tells_whether_the_network_can_be_left() -> None:
    possible = subprocess.run(["unshare", "--net", "--map-root-user", "true"], check=False, capture_output=True)
    (told,) = (check for check in machine_checks() if check.what.startswith("limited processes"))
    assert told.passed
    assert told.what.endswith("without a network") is (possible.returncode == 0)


def test_work_without_end_is_ended_by_the_time_that_it_takes() -> None:
    assert "worked for more than 1 s" in refusal("work_without_end", b"x" * 1000, cpu=1)


def test_waiting_without_end_is_ended_with_all_that_was_started(tmp_path: Path) -> None:
    assert "took longer than 1 s" in refusal("sleep", str(tmp_path / "id").encode(), seconds=1)
    process = Path("/proc", (tmp_path / "id").read_text())
    until(lambda: not process.exists() or "(sleep) Z" in (process / "stat").read_text(), 5, "its child to go")


def test_what_was_started_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    left = tmp_path / "id"
    started = f"sh -c 'echo $$ >{left}; exec sleep 600' </dev/null >/dev/null 2>&1 &"
    command = ["/bin/sh", "-c", f"{started} while [ ! -s {left} ]; do sleep 0.01; done; exit 3"]
    limits = Limits(seconds=30, cpu=30, memory=0, file=MIB)
    assert Process(command, limits, {"PATH": os.defpath}).end().status == 3
    process = Path("/proc", left.read_text().strip())
    until(lambda: not process.exists() or ") Z" in (process / "stat").read_text(), 5, "it to go")


def test_more_memory_than_allowed_is_told() -> None:
    assert "wanted more than 1,024 MiB of memory" in refusal("take_memory")


def test_an_answer_that_is_too_long_is_not_taken() -> None:
    assert "answered with more than 1 MiB" in refusal("flood")


def test_a_large_file_cannot_be_written(tmp_path: Path) -> None:
    told = refusal("write_a_lot", str(tmp_path / "large").encode())
    assert "File too large" in told or "wrote a file of more than 1 MiB" in told
    assert (tmp_path / "large").stat().st_size <= MIB


def test_a_comparison_that_meets_a_limit_is_a_message_and_leaves_nothing() -> None:
    question = Question(repo=b".", path=b"", rev=b"HEAD", base=b"HEAD", allow=Allow(), targets=())
    limits = msgspec.structs.replace(apart.LIMITS, seconds=0.01)
    with Apart(limits) as process, pytest.raises(DiagnosticError) as caught:
        process.compare(question)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, "took longer than 0.01 s" in diagnostic.detail) == ("limits-exceeded", True)


def test_a_crash_is_told_by_its_signal_and_a_failure_by_its_last_word() -> None:
    assert "ended by signal 6" in refusal("crash")
    assert "RuntimeError: something unforeseen" in refusal("fail")


def test_what_stands_in_the_current_folder_is_never_imported(tmp_path: Path) -> None:
    for name in ("json", "msgspec", "reconciler", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    with LimitedProcess("reconciler.text:canary", LIMITS, cwd=str(tmp_path)) as process, pytest.raises(DiagnosticError):
        process.ask(b"")
    assert not (tmp_path / "canary").exists()


def test_a_program_that_reads_nothing_and_one_that_is_not_there_are_no_harm() -> None:
    ended = Process(["true"], LIMITS, {}).end(b"x" * (4 << 20))
    assert (ended.status, ended.stopped) == (0, "")
    ended = Process(["/none"], LIMITS, {}).end()
    assert "It ended with status 127" in broken(ended, LIMITS)
    assert "/none" in broken(ended, LIMITS)
