"""What a cold process costs: wall time, CPU time of it and its children, and its largest memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and bytes. `cpu` is user and system time of the process and of those that it waited for."""

    wall: float
    cpu: float
    memory: int


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, at which size, what it cost, and what its floor cost in the same run."""

    what: str
    size: int
    cost: Cost
    floor: Cost | None = None


def cold(command: Sequence[str], environment: Mapping[str, str], *, allowed: Iterable[int] = (0,)) -> Cost:
    """Run a Python module in a process of its own, its output dropped; fails when it ends in any other way."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}:{ROOT / 'drivers'}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr
        words = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode not in allowed:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{words}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss << 10)


def least(costs: Iterable[Cost]) -> Cost:
    """The run that was disturbed least: on a shared machine only more can be measured than it takes."""
    return min(costs, key=lambda cost: cost.cpu)
