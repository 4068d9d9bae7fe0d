"""Whole commands on a fleet of simulated hosts, from cold processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.event import Reaction
from benchmarks.fleet import FLEET_ID, Repository, Shape
from benchmarks.measure import Cost, Figure, cold, least

TIMES = 3
CHANGES = 2
"""What `--detailed-exitcode` ends with when there is something to do."""


class Bench:
    """A fleet, its hosts, and a user's folders, all of them below one folder."""

    def __init__(self, folder: Path, shape: Shape, *, one_file: bool) -> None:
        self.shape = shape
        self.repository = Repository(folder / "repository", shape, one_file=one_file)
        homes = {name: str(folder / name) for name in ("config", "state", "cache")}
        self._environment = {f"XDG_{name.upper()}_HOME": home for name, home in homes.items()}
        self._hosts = folder / "state" / "reconciler" / "simulator" / FLEET_ID

    def command(self, *words: str, allowed: int = 0) -> Cost:
        """One command of ours."""
        command = ["reconciler", *words, "--rev", "HEAD", "--repo", str(self.repository.folder)]
        return cold(command, self._environment, allowed=[allowed])

    def reaction(self) -> Reaction:
        """What a process that has planned before does when a guest dies."""
        out = self._hosts / "reaction.out"
        cold(["benchmarks.event", str(self.repository.folder), str(self._hosts), str(out)], self._environment)
        return msgspec.json.decode(out.read_bytes(), type=Reaction)

    def floor(self) -> Cost:
        """Reading blobs and states only."""
        return cold(["benchmarks.floor", "simulator", str(self.repository.folder), str(self._hosts)], {})


def figures(folder: Path, instances: int, *, one_file: bool) -> Iterator[Figure]:
    """First plan, apply, plans after that: when every host has changed, nothing, or one instance by a commit."""
    bench = Bench(folder, Shape(instances=instances), one_file=one_file)
    where = "all in one file" if one_file else "a file each"

    def figure(what: str, cost: Cost, floor: Cost | None) -> Figure:
        return Figure(what=f"{what}, {where}", size=instances, cost=cost, floor=floor)

    first = bench.command("plan", "--detailed-exitcode", allowed=CHANGES)
    apply = bench.command("apply", "--quiet")
    floor = least(bench.floor() for _ in range(TIMES))
    yield figure("first plan, nothing cached", first, floor)
    yield figure("apply on the simulator", apply, None)
    yield figure("plan after every host has changed", bench.command("plan", "--detailed-exitcode"), floor)
    plans = [bench.command("plan", "--detailed-exitcode") for _ in range(TIMES)]
    yield figure("no-op plan", least(plans), floor)
    yield figure("plan after a one-instance commit", least(_edits(bench)), floor)
    yield figure("floor: blobs and states read and decoded", floor, None)
    if one_file:  # how it was written is known by then
        return
    reaction = bench.reaction()
    for what, cost, least_cost in (
        ("a guest died: looked at and planned, in a warm process", reaction.event, reaction.floor),
        ("everything planned, in the same process", reaction.whole, reaction.floor),
        ("floor: the state of that host read and decoded", reaction.floor, None),
    ):
        yield Figure(what=what, size=instances, cost=cost, floor=least_cost)


def _edits(bench: Bench) -> Iterator[Cost]:
    """Each time another commit, so that something has to be read anew each time."""
    for number in range(TIMES):
        bench.repository.edit(number)
        yield bench.command("plan", "--detailed-exitcode", allowed=CHANGES)
