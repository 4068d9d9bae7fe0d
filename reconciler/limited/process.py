"""A process with limits, its input and outputs, and its end."""

from __future__ import annotations

import os
import resource
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Literal

import msgspec

from reconciler.limited.limits import Limits

_PIECE = 1 << 16
_WAIT = ("/bin/sh", "-c", 'read -r go; exec "$@"', "sh")
"""A shell that becomes the program once it is told to. (Setting limits between fork and exec is not safe in a process
with threads.)
"""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: its `status` (below 0: the signal), what it wrote, and why it was `stopped` if it was."""

    status: int
    out: bytes
    error: bytes
    stopped: Literal["", "time", "output"] = ""


class Process:
    """A program that runs with limits, in a session of its own; they stand before it begins."""

    def __init__(self, command: Sequence[str], limits: Limits, environment: Mapping[str, str], cwd: str = "/") -> None:
        self._limits = limits
        self._end = time.monotonic() + limits.seconds
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*_WAIT, *command],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
        self._limit()
        assert self._process.stdin
        with suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), b"\n")

    def _limit(self) -> None:
        if not hasattr(resource, "prlimit"):  # not on Linux: only time and output are bounded
            return
        with suppress(ProcessLookupError):
            for which, most in self._limits.of_the_system().items():
                _, ceiling = resource.prlimit(self._process.pid, which)
                most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
                resource.prlimit(self._process.pid, which, (most, most))

    def end(self, data: bytes = b"") -> Ended:
        """Hand its input over, take what it writes, and see it end; what has not by its deadline is killed."""
        taken = _Taken(self._process, self._limits.output)
        stopped = taken.all(data, self._end)
        if not stopped and not self._over(max(0.0, self._end - time.monotonic())):
            stopped = "time"
        status = self._kill()
        return Ended(status=status, out=bytes(taken.out), error=bytes(taken.error), stopped=stopped)

    def _over(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds. Where the system can tell, it is not waited for by that."""
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return self._process.returncode is not None
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(descriptor)

    def _kill(self) -> int:
        """End it and whatever it started, also where that has outlived it. Its id is its own until it is waited for."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def close(self) -> None:
        """Leave nothing of it."""
        self._kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream
            with suppress(OSError):
                stream.close()


class _Taken:
    """What a process writes to its two outputs while it is given its input: none of them makes the others wait."""

    def __init__(self, process: subprocess.Popen[bytes], most: int) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self.out, self.error = bytearray(), bytearray()
        self._in = process.stdin
        self._outputs: dict[IO[bytes], bytearray] = {process.stdout: self.out, process.stderr: self.error}
        self._most = most

    def all(self, data: bytes, end: float) -> Literal["", "time", "output"]:
        """Until both outputs are at their end; or why it was broken off."""
        left = memoryview(data)
        with selectors.DefaultSelector() as selector:
            for stream in (self._in, *self._outputs):
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_WRITE if stream is self._in else selectors.EVENT_READ, stream)
            while selector.get_map():
                if time.monotonic() > end:
                    return "time"
                for key, _ in selector.select(max(0.0, end - time.monotonic())):
                    if key.data is self._in:
                        left = self._give(selector, left)
                    elif not self._take(selector, key.data):
                        return "output"
        return ""

    def _give(self, selector: selectors.BaseSelector, left: memoryview) -> memoryview:
        try:
            left = left[os.write(self._in.fileno(), left[:_PIECE]) :] if left else left
        except BrokenPipeError:  # it wants no more; its status says why
            left = left[:0]
        if not left:
            selector.unregister(self._in)
            with suppress(BrokenPipeError):
                self._in.close()
        return left

    def _take(self, selector: selectors.BaseSelector, stream: IO[bytes]) -> bool:
        taken = self._outputs[stream]
        piece = os.read(stream.fileno(), _PIECE)
        if not piece:
            selector.unregister(stream)
        taken += piece
        return len(taken) <= self._most
