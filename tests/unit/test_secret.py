"""Secrets: where they come from, what is no part of them, and that no error shows them."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler.files import FleetFiles
from reconciler.secret import MOST_BYTES, SecretError, SecretSource, resolve

TEXT = "#cloud-config\npassword: hunter2\n"


class Committed:
    """A commit without files."""

    def copy_file(self, path: str, target: BinaryIO) -> bool:
        return False


def stored(path: Path, data: bytes, mode: int = 0o600) -> SecretSource:
    path.write_bytes(data)
    path.chmod(mode)
    return SecretSource(file=str(path))


def printed(script: str) -> SecretSource:
    return SecretSource(command=(sys.executable, "-c", script))


def refusal(source: SecretSource, deadline: float = 30.0) -> str:
    with pytest.raises(SecretError) as caught:
        resolve(source, deadline)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_it_is_the_text_of_a_file_without_its_final_line_break(tmp_path: Path) -> None:
    assert resolve(stored(tmp_path / "seed", TEXT.encode())) == TEXT.removesuffix("\n")
    assert resolve(stored(tmp_path / "seed", b"hunter2\r\n")) == "hunter2"
    assert resolve(stored(tmp_path / "seed", b"hunter2\n\n")) == "hunter2\n"
    assert resolve(stored(tmp_path / "seed", b"hunter2", 0o640)) == "hunter2"


def test_it_is_a_variable_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_SEED", "hunter2\n")
    assert resolve(SecretSource(environment="WEB_SEED")) == "hunter2\n"
    monkeypatch.delenv("WEB_SEED")
    assert "WEB_SEED is not set" in refusal(SecretSource(environment="WEB_SEED"))


def test_it_is_what_a_command_prints_and_no_shell_reads_its_arguments() -> None:
    script = "import sys; print(sys.argv[1])"
    assert resolve(SecretSource(command=(sys.executable, "-c", script, "$HOME; `id`"))) == "$HOME; `id`"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    assert f"chmod o-rwx,g-w {tmp_path / 'seed'}" in refusal(stored(tmp_path / "seed", TEXT.encode(), mode))


def test_what_is_no_file_or_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(SecretSource(file=str(tmp_path)))
    assert "No such file" in refusal(SecretSource(file=str(tmp_path / "none")))
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no file" in refusal(SecretSource(file=str(tmp_path / "pipe")))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    assert "is not UTF-8 text" in refusal(stored(tmp_path / "seed", b"hunter2\xff"))
    assert "is not UTF-8 text" in refusal(printed("import sys; sys.stdout.buffer.write(b'hunter2\\xff')"))


def test_what_is_too_long_is_refused(tmp_path: Path) -> None:
    assert resolve(stored(tmp_path / "seed", b"x" * MOST_BYTES)) == "x" * MOST_BYTES
    assert "more than 65,536 bytes" in refusal(stored(tmp_path / "seed", b"x" * (MOST_BYTES + 1)))
    assert "more than 65,536 bytes" in refusal(printed("while True: print('hunter2')"))


def test_a_command_that_fails_is_told_without_what_it_said() -> None:
    assert "ended with status 3" in refusal(printed("import sys; print('hunter2'); sys.exit('hunter2' and 3)"))
    assert "cannot be run: No such file" in refusal(SecretSource(command=("/nowhere/vault", "hunter2")))


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"""
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    began = time.monotonic()
    assert "took longer than 2 s" in refusal(printed(script), deadline=2.0)
    assert time.monotonic() - began < 60
    assert gone(int((tmp_path / "child").read_text()))


def gone(pid: int) -> bool:
    """Whether a process ends within a minute."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(60_000))


def test_a_command_that_closes_its_output_and_stays_is_ended() -> None:
    assert "took longer" in refusal(printed("import os, time; os.close(1); time.sleep(600)"), deadline=2.0)


def test_a_run_hands_secrets_out_by_name(tmp_path: Path) -> None:
    sources = {"seed": stored(tmp_path / "seed", b"hunter2\n"), "gone": SecretSource(file=str(tmp_path / "gone"))}
    with FleetFiles([], Committed(), secrets=sources) as files:
        assert files.secret("seed") == "hunter2"
        for name in ("gone", "other"):
            with pytest.raises(DriverError) as caught:
                files.secret(name)
            assert caught.value.error_class is ErrorClass.YOURS
            assert repr(name) in str(caught.value)
