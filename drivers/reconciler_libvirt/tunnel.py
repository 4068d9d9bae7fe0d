"""One ssh connection to a host, which every command and libvirt's own connection go through.

libvirt's own ssh transport takes neither a file of known hosts nor a time limit, needs a helper on the host, and logs
in anew each time. So its socket on the host is forwarded to one of ours: one login, and what libvirt says and what the
host channel says come from the same machine.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.remote import SshLogin

_SHELL = '"$@"; status=$?; rm -rf -- "$0"; exit $status'
"""Outlives us, however we end: ssh ends with its standard input, and its folder goes with it."""
_SLACK = 10.0
"""Seconds beside those for connecting, in which the host has to let us in."""
_LEAVING = 2.0
"""Seconds that ssh has to end once it is told to."""
_REMEDIES = {
    "Host key verification failed": "check the host's key and add it to the file of known hosts, for example with"
    " `ssh-keyscan`; a key that changed may mean another machine",
    "Permission denied": "the host does not know our key: name one by `identity`, and authorise it there",
}


class Tunnel:
    """The connection, made when it is needed and again when it was lost. `socket` is libvirt's socket on the host."""

    def __init__(self, login: SshLogin, socket: str = "") -> None:
        self.login = login
        self._socket = socket
        self._turn = threading.Lock()
        self._master: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._master is not None and self._master.poll() is None

    def command(self, words: Sequence[str]) -> list[str]:
        """The command that runs `words` on the host. Raises `DriverError` when the host cannot be reached."""
        return self.login.command(words, "-S", str(self._opened() / "control"))

    def socket(self) -> str:
        """Where libvirt's socket on the host is to be had here. Raises `DriverError`."""
        return str(self._opened() / "libvirt")

    def close(self) -> None:
        """End the connection and what goes through it."""
        with self._turn:
            if self._master is not None:
                self._end(self._master)

    def _opened(self) -> Path:
        with self._turn:
            if not self.alive:
                self._open()
            return self._folder

    def _open(self) -> None:
        """The command there is an echo: its first answer tells that we are in."""
        self._folder = Path(tempfile.mkdtemp(prefix="reconciler-ssh-"))
        options = ["-M", "-S", str(self._folder / "control"), "-o", "ControlPersist=no"]
        if self._socket:
            options += ["-L", f"{self._folder}/libvirt:{self._socket}"]
        self._master = master = subprocess.Popen(
            ["/bin/sh", "-c", _SHELL, str(self._folder), *self.login.command(["cat"], *options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if not self._echoes(master):
            raise DriverError(ErrorClass.YOURS, self._refusal(master))

    def _echoes(self, master: subprocess.Popen[bytes]) -> bool:
        assert master.stdin is not None
        assert master.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            master.stdin.write(b"\n")
            master.stdin.flush()
        answered, _, _ = select.select([master.stdout], [], [], self.login.connect_timeout + _SLACK)
        return bool(answered) and master.stdout.read(1) == b"\n"

    def _refusal(self, master: subprocess.Popen[bytes]) -> str:
        said = self._end(master).strip().rstrip(".")
        remedy = next((f"; {remedy}" for mark, remedy in _REMEDIES.items() if mark in said), "")
        who = f"{self.login.user}@{self.login.host} port {self.login.port}"
        return f"ssh to {who} failed: {said or 'no answer in time'}{remedy}"

    def _end(self, master: subprocess.Popen[bytes]) -> str:
        """What it said on its way. One that is stuck is ended by force, and its folder with it."""
        if master.poll() is None:
            leave = self.login.words("-S", str(self._folder / "control"), "-O", "exit")
            subprocess.run(leave, capture_output=True, check=False, timeout=_SLACK)
        try:
            said = master.communicate(timeout=_LEAVING)[1]
        except subprocess.TimeoutExpired:
            os.killpg(master.pid, signal.SIGKILL)
            said = master.communicate()[1]
            shutil.rmtree(self._folder, ignore_errors=True)
        return said.decode(errors="replace")
