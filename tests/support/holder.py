"""A process that locks a host, or leads its fleet there when a term is given, until it is killed:
`python -m tests.support.holder HOSTCONFIG [TERM]`. Asked by a line, it tells whether it still holds what it took.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from reconciler.driver import DriverError, HostConfig
from reconciler.installed import driver_type
from tests.support.contract import Folder


class Holder:
    """Such a process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._said == "held"

    @property
    def _said(self) -> str:
        stream: IO[str] | None = self._process.stdout
        assert stream is not None
        return stream.readline().strip()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def asked(self) -> str:
        """What its lease says now: `held`, or why not."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._said


@contextlib.contextmanager
def holding(config: HostConfig, term: float | None = None) -> Iterator[Holder]:
    """A process that has the lock, or the lead; it is killed in the end."""
    command = [sys.executable, "-m", "tests.support.holder", msgspec.json.encode(config).decode()]
    words = command if term is None else [*command, str(term)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Holder(process)
        finally:
            process.kill()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _main(config: HostConfig, term: float | None) -> None:
    driver = driver_type(config.driver).open(config, Folder(Path()))
    with driver.lock() if term is None else driver.lead(term) as lease:
        _say("held")
        for _ in sys.stdin:
            try:
                lease.check()
                _say("held")
            except DriverError as lost:
                _say(f"{lost.error_class.value}: {lost}")
        signal.pause()


if __name__ == "__main__":
    _main(msgspec.json.decode(sys.argv[1], type=HostConfig), float(sys.argv[2]) if sys.argv[2:] else None)
