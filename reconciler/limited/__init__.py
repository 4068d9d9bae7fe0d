"""Work on what strangers wrote, in a process of its own that can use up little, knows no secret and reaches nobody.

A parser in C can be made to overflow or to run for hours, and nothing in its own process could stop it. So the process
is another one: bounded in time, memory, and what it writes; with an environment of a few harmless variables; and, where
the kernel allows that, in a network that is empty. What it answers is bytes, of which no more than a bound is taken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

import reconciler
from reconciler.diagnostic import DiagnosticError, error
from reconciler.limited.limits import MIB, Limits, broken
from reconciler.limited.process import Ended, Process

__all__ = ["MIB", "Ended", "LimitedProcess", "Limits", "Process", "broken"]

_START = (
    "import os, sys; sys.path[:] = sys.argv[1].split(os.pathsep);"
    " from reconciler.limited.child import main; sys.exit(main(sys.argv[2], sys.argv[3]))"
)
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""What a child's environment takes over; everything else there may be a secret, or change what Python or Git do."""


class LimitedProcess:
    """A function of ours at work in a child: `module:function`, from bytes to bytes. It is started, and imports what it
    needs, at once; it sees a question only in `ask`.

    `network`: whether it keeps this process's network. `environment` is added to the child's.
    """

    def __init__(
        self,
        function: str,
        limits: Limits,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        network: bool = False,
        cwd: str = "/",
    ) -> None:
        # Isolated: the folder that we stand in, which may be the stranger's, is not searched.
        command = [
            sys.executable,
            "-I",
            "-c",
            _START,
            os.pathsep.join(_searched()),
            function,
            "shared" if network else "none",
        ]
        self._limits = limits
        self._process = Process(command, limits, _environment() | dict(environment), cwd)

    def ask(self, question: bytes) -> bytes:
        """The function's answer. Raises `DiagnosticError` when it came to none within the limits."""
        ended = self._process.end(question)
        if ended.status == 0 and not ended.stopped:
            return ended.out
        detail = f"{broken(ended, self._limits)} Whatever it was at work on was left; nothing was changed."
        raise DiagnosticError(error("limits-exceeded", "the limited process came to no answer", detail))

    def __enter__(self) -> LimitedProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.close()


def _searched() -> list[str]:
    """Where this program and all that it needs is imported from: that is where we did. The first place is left out
    where Python put it there by itself: it is the folder that we stand in, or that of the program that was called.
    """
    places = sys.path if sys.flags.safe_path else sys.path[1:]
    return [str(Path(reconciler.__file__).parents[1]), *(place for place in places if Path(place).is_absolute())]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
