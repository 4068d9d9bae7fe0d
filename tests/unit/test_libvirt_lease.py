"""The lock of a host as a process that holds it there: also where that process does not end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.driver import DriverError
from reconciler_libvirt import channel
from reconciler_libvirt.channel import Channel, HostLease

MUTE = "trap '' HUP TERM; exec sleep 600"
DEAF = "head -c 1; trap '' HUP TERM; exec sleep 600"
"""It echoes once, as one that holds the lock does, and never ends by itself."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_ECHO_SECONDS", 0.5)


def test_a_lock_whose_holder_hangs_is_let_go_of() -> None:
    lease = HostLease(["bash", "-c", DEAF], 60.0, "/nowhere", str)
    lease.release()
    assert lease._holder.returncode is not None


def test_a_host_that_does_not_answer_whether_it_gives_the_lock_refuses_it() -> None:
    with pytest.raises(DriverError, match="did not say whether it gives its lock"):
        HostLease(["bash", "-c", MUTE], 60.0, "/nowhere", str)


WRITER = """
import sys
from reconciler.driver import DriverError
from reconciler_libvirt import channel
channel.LOCK = sys.argv[1]
with channel.Channel().lock(silence=1.0) as lease:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        lease.check()
    except DriverError as lost:
        print(lost.error_class.value, lost, flush=True)
"""


def test_a_run_that_is_stopped_holds_no_host_for_ever_and_refuses_its_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """T19, on this machine as it is over ssh."""
    monkeypatch.setattr(channel, "LOCK", str(tmp_path / "lock"))
    command = [sys.executable, "-c", WRITER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "held\n"
        who = rf"another run is writing to it: process {writer.pid} of \S+@\S+, since .* UTC; it holds"
        with pytest.raises(DriverError, match=who), Channel().lock():
            raise AssertionError("two writers")
        writer.send_signal(signal.SIGSTOP)
        _locked_within(20)
        writer.send_signal(signal.SIGCONT)
        said, _ = writer.communicate("\n")
        assert said.startswith("held the lock on the host was lost")


def _locked_within(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with Channel().lock() as lease:
                lease.check()
            return
        except DriverError:
            assert time.monotonic() < deadline, "the lock of a stopped run is still held"
            time.sleep(0.05)
