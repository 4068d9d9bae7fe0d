"""`make bench`: print what things cost at several sizes, beside the floor of the same run."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import simulated, table
from benchmarks.measure import Figure

SIZES = [1_000, 10_000]


def main() -> None:
    """Measure, telling each figure as soon as it is known, and print all of them at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many instances")
    parser.add_argument("--domains", type=int, nargs="*", default=[1_000], help="how many domains of a real libvirtd")
    parser.add_argument("--skip-simulator", action="store_true", help="measure on libvirt only")
    chosen = parser.parse_args()
    found = []
    for figure in _figures(chosen):
        found.append(figure)
        print(f"{figure.size:>7,}  {figure.cost.wall:8.2f} s  {figure.what}", file=sys.stderr, flush=True)
    print("\n".join(table.table(found)))
    print(f"\nMeasured on {table.machine()}.")


def _figures(chosen: argparse.Namespace) -> Iterator[Figure]:
    for size in [] if chosen.skip_simulator else chosen.sizes:
        for one_file in (False, True):
            with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
                yield from simulated.figures(Path(folder), size, one_file=one_file)
    if chosen.domains:
        from benchmarks import healing, real

        yield from real.figures(chosen.domains)
        yield from healing.figures()


main()
