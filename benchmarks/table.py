"""Figures for people."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Figure

_LEAST_CPU = 0.01
"""Seconds; to be so many times as much as less says nothing."""
_HEAD = ("instances", "what", "wall s", "CPU s", "memory MB", "wall / floor", "CPU / floor")


def machine() -> str:
    """On what it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    load = os.getloadavg()[0]
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return (
        f"{os.cpu_count()} CPUs ({_model()}), {memory} GiB, load {load:.1f} at the end; {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()}, msgspec {version('msgspec')}, git {git}"
    )


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """A Markdown table, which is also fit for a terminal."""
    rows = [_HEAD, *(_row(each) for each in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(_aligned(cell, width, column) for column, (cell, width) in _cells(row, widths)) + " |"
        if number == 0:
            lines = ("-" * (width - 1) + ("-" if column == 1 else ":") for column, width in enumerate(widths))
            yield "| " + " | ".join(lines) + " |"


def _cells(row: tuple[str, ...], widths: list[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, widths, strict=True))


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 1 else cell.rjust(width)


def _row(figure: Figure) -> tuple[str, ...]:
    cost, floor = figure.cost, figure.floor
    return (
        f"{figure.size:,}",
        figure.what,
        f"{cost.wall:.2f}",
        f"{cost.cpu:.2f}",
        f"{cost.memory / 1e6:.0f}",
        f"{cost.wall / floor.wall:.1f}" if floor else "",
        f"{cost.cpu / floor.cpu:.1f}" if floor and floor.cpu >= _LEAST_CPU else "",
    )
