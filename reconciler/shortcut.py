"""The plan of a whole fleet, made from the islands in which a document or a host is not as it was; see `islands.py`.

The manifests are looked at document by document (a `Unit`), each by a name that says its path and its content: what has
the same name declares the same. Whatever cannot be put down to islands has no plan here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired, desired
from reconciler.diagnostic import Diagnostic
from reconciler.impact import ImpactTable
from reconciler.islands import (
    COMMON,
    Island,
    Remembered,
    as_before,
    host_node,
    islands,
    plan_within,
    quotas_of,
    unit_islands,
)
from reconciler.kinds.base import Resource
from reconciler.objects import digest
from reconciler.observation import Snapshot
from reconciler.parsing import File, Memory, Part, flawless, known, made_of, remember
from reconciler.plan import Plan, Source
from reconciler.planning import Planned
from reconciler.yaml import MOST_NODES_OF_FILE

Unit = tuple[File, Part]


class Files(Protocol):
    """The files of a fleet, as `source.Tree` has them."""

    source: Source
    diagnostics: list[Diagnostic]

    def blobs(self, known: Callable[[str], bool]) -> Iterator[File]:
        """The manifests."""

    def read_file(self, path: str) -> bytes | None:
        """A file that a manifest names."""

    def named(self) -> list[str]:
        """The files that were read because manifests name them."""

    def blob_ids(self, paths: Iterable[str]) -> dict[str, str]:
        """What is in these files."""


class Sight(Protocol):
    """The hosts of a fleet, and what the one who looks says of them."""

    def setup(self, common: Desired) -> str | None:
        """A digest of how the hosts are reached, by the fleet and its hosts; None when more has to be looked at."""

    def tables(self) -> Mapping[str, ImpactTable]:
        """What each host's driver declares."""

    def see(self, known: Mapping[str, str], hosts: Collection[str] | None = None) -> Iterable[Snapshot]:
        """The hosts, or all; one whose look is `known` may be told by that alone."""

    def judge(self, wanted: Desired) -> Mapping[Address, Resource] | None:
        """The Fleet and the Projects by which it is judged; None when anything has to be told of it, or was consented
        to.
        """


class Short(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it is to be remembered by."""

    plan: Plan
    remembered: Remembered


def units(files: Files, memory: Memory, known_units: Collection[str] = ()) -> dict[str, Unit]:
    """All documents by name; none when two have one name, which only the whole can judge."""
    found: dict[str, Unit] = {}
    count = 0
    for file in files.blobs(lambda identity: known(identity, memory)):
        single = f"file {file.id}"
        made = [Part(0, file.size, 0, single)] if f"{file.path} {single}" in known_units else made_of(file, memory)
        for part in made if len(made) > 1 else ():
            memory.get(part.key)  # what is in use is kept
        count += len(made)
        found.update((f"{file.path} {part.key}", (file, part)) for part in made)
    return found if len(found) == count else {}


def look_of(snapshot: Snapshot) -> str:
    """What tells whether a host is as it was."""
    return snapshot.look or digest(snapshot)


def to_remember(
    files: Files, memory: Memory, wanted: Desired, snapshots: Sequence[Snapshot], outcome: Planned, setup: str
) -> Remembered | None:
    """What is to be remembered of a plan of the whole fleet; None when that is nothing."""
    found, declaring = islands(wanted, snapshots, outcome), units(files, memory)
    if found is None or not declaring or not all(each.complete for each in snapshots):
        return None
    return Remembered(
        units=unit_islands(_by_unit(declaring, wanted.resources.values()), found),
        islands=found,
        looks={each.host: look_of(each) for each in snapshots},
        named=files.blob_ids(files.named()),
        setup=setup,
        quotas=quotas_of(wanted.resources),
    )


def _by_unit(declaring: Mapping[str, Unit], resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """What each unit declares, by the places of the resources."""
    begins: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, (file, part) in declaring.items():
        begins[file.path].append((part.before, name))
    found: dict[str, list[Resource]] = {name: [] for name in declaring}
    for each in resources:
        rows = begins[each.place.path]
        found[rows[bisect_left(rows, (each.place.line, "")) - 1][1]].append(each)
    return found


class Shortcut:
    """A plan on what is remembered. Whatever it cannot judge ends it with None."""

    def __init__(self, files: Files, memory: Memory, remembered: Remembered, sight: Sight) -> None:
        self._files, self._memory, self._remembered, self._sight = files, memory, remembered, sight
        self._units = units(files, memory, remembered.units)
        self._resources: dict[str, list[Resource]] = {}

    def plan(self) -> Short | None:
        """The plan of the whole fleet."""
        if self._files.diagnostics or self._files.blob_ids(self._remembered.named) != self._remembered.named:
            return None
        old = self._remembered.units
        common = self._declared(name for name, number in old.items() if number == COMMON)
        fresh = self._fresh(self._units.keys() - old.keys())
        if common is None or fresh is None or self._sight.setup(_bare(common)) != self._remembered.setup:
            return None
        nodes = self._remembered.touched(old.keys() - self._units.keys(), fresh)
        return None if nodes is None else self._within(*self._looked(nodes), [*common, *fresh])

    def _fresh(self, names: Collection[str]) -> list[Resource] | None:
        """What is declared that was not; None also where that may be more than one file may hold."""
        sizes: Counter[str] = Counter()
        for file, part in (self._units[name] for name in names):
            sizes[file.path] += part.end - part.start
        return None if any(size > MOST_NODES_OF_FILE for size in sizes.values()) else self._declared(names)

    def _declared(self, names: Iterable[str]) -> list[Resource] | None:
        """What these units declare; None when one of them is gone, or has a mistake."""
        found: list[Resource] = []
        for name in names:
            resources = flawless(*self._units[name], self._memory) if name in self._units else None
            if resources is None:
                return None
            self._resources[name] = resources
            found += resources
        return found

    def _looked(self, nodes: frozenset[str]) -> tuple[frozenset[str], list[Snapshot]]:
        """The islands in which something is to be decided, and what is seen there; of other hosts only the name."""
        calm = {host: look for host, look in self._remembered.looks.items() if host_node(host) not in nodes}
        bare = {host: Snapshot(host=host, look=look) for host, look in calm.items()}
        seen = {each.host: each for each in self._sight.see(calm)}
        nodes = self._remembered.whole(
            {*nodes, *(host_node(host) for host in calm if look_of(seen[host]) != calm[host])}
        )
        late = [host for host, each in bare.items() if host_node(host) in nodes and seen[host] == each]
        seen |= {each.host: each for each in self._sight.see({}, late)}
        return nodes, [seen[host] if host_node(host) in nodes else bare[host] for host in sorted(seen)]

    def _within(self, nodes: frozenset[str], snapshots: list[Snapshot], known: list[Resource]) -> Short | None:
        """The plan in which these islands are decided anew."""
        old, numbers = self._remembered.units, self._remembered.within(nodes)
        rest = self._declared(name for name, number in old.items() if number in numbers and name in self._units)
        wanted, mistakes = desired([*known, *(rest or ())], self._files.read_file)
        owners = self._sight.judge(wanted) if rest is not None and not mistakes else None
        complete = all(each.complete for each in snapshots)
        if owners is None or not complete or not as_before(self._remembered, owners, wanted):
            return None
        outcome = plan_within(self._remembered, nodes, wanted, snapshots, self._sight.tables(), self._files.source)
        found = islands(wanted, snapshots, outcome) if outcome else None
        if outcome is None or found is None:
            return None
        return Short(plan=outcome.plan, remembered=self._kept(nodes, found, wanted, snapshots))

    def _kept(
        self, nodes: frozenset[str], found: list[Island], wanted: Desired, snapshots: list[Snapshot]
    ) -> Remembered:
        """What this came to, in the place of what was remembered of the same islands."""
        fresh = self._resources.keys() - self._remembered.units.keys()
        for path in {self._units[name][0].path for name in fresh}:
            made = [unit for unit in self._units.values() if unit[0].path == path]
            remember(made[0][0], [part for _, part in made], self._memory)
        here = [each for each in found if each.nodes <= nodes]
        declared = {name: each for name, each in self._resources.items() if self._remembered.units.get(name) != COMMON}
        return msgspec.structs.replace(
            self._remembered.with_islands(nodes, here, unit_islands(declared, here)),
            looks={each.host: look_of(each) for each in snapshots},
            named=self._remembered.named | self._files.blob_ids(self._files.named()),
            quotas=self._remembered.quotas | quotas_of(wanted.resources),
        )


def _bare(common: list[Resource]) -> Desired:
    """What is of the whole fleet, to ask the trusted configuration by."""
    fleet = next((each for each in common if each.address.kind == "Fleet"), None)
    return Desired(fleet=fleet, resources={each.address: each for each in common})
