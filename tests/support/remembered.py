"""Fleets that are planned from what is remembered of them: files, hosts and a memory without effects."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired, load
from reconciler.diagnostic import Diagnostic
from reconciler.impact import ImpactTable
from reconciler.islands import Remembered
from reconciler.kinds.base import Resource
from reconciler.manifest import Blob
from reconciler.observation import Snapshot
from reconciler.parsing import File
from reconciler.plan import Source
from reconciler.planning import Planned, planned
from reconciler.shortcut import Short, Shortcut, look_of, to_remember
from reconciler.source.worktree import blob_id
from tests.support.fleet import Manifest
from tests.support.world import World

SOURCE = Source(commit="c0ffee")
Fleet = Mapping[str, Manifest]
"""Manifests, by the file and place in which they stand."""


class Memory(dict[str, bytes]):
    """Of manifests."""

    put = dict.__setitem__


class Commit:
    """The manifests as files: several of one file are its documents, in order of their names."""

    source = SOURCE

    def __init__(self, manifests: Fleet) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._texts: dict[str, str] = {}
        for name, each in sorted(manifests.items()):
            self._texts[name.partition("#")[0]] = (
                self._texts.get(name.partition("#")[0], "") + f"---\n{json.dumps(each)}\n"
            )

    def blobs(self, known: Callable[[str], bool]) -> Iterator[File]:
        for path, text in self._texts.items():
            yield Blob(path, text.encode(), blob_id(text.encode()))

    def read_file(self, path: str) -> bytes | None:
        return None

    def named(self) -> list[str]:
        return []

    def blob_ids(self, paths: Iterable[str]) -> dict[str, str]:
        return {}


class Eyes:
    """A world, looked at; `glances`: its hosts have something that says whether they are as they were."""

    def __init__(self, world: World, *, glances: bool) -> None:
        self._world, self._glances = world, glances
        self.observed: list[str] = []
        self.owners: Mapping[Address, Resource] | None = {}

    def setup(self, common: Desired) -> str | None:
        return "as always"

    def tables(self) -> Mapping[str, ImpactTable]:
        return dict.fromkeys(self._world.hosts, self._world.impacts)

    def see(self, known: Mapping[str, str], hosts: Collection[str] | None = None) -> Iterator[Snapshot]:
        for each in self._world.snapshots():
            look = look_of(each) if self._glances else ""
            if hosts is not None and each.host not in hosts:
                continue
            if look and known.get(each.host) == look:
                yield Snapshot(host=each.host, look=look)
            else:
                self.observed.append(each.host)
                yield msgspec.structs.replace(each, look=look)

    def judge(self, wanted: Desired) -> Mapping[Address, Resource] | None:
        return self.owners


def whole(manifests: Fleet, world: World) -> tuple[Desired, Planned] | None:
    """All of it, planned; None when there are mistakes, or something is told of the manifests."""
    desired, diagnostics = load(Commit(manifests).blobs(lambda _: False), lambda path: None)
    if diagnostics:
        return None
    return desired, planned(desired, world.snapshots(), dict.fromkeys(world.hosts, world.impacts), SOURCE)


def remembered(manifests: Fleet, world: World, *, glances: bool = True) -> Remembered | None:
    """What is remembered of a whole plan."""
    found = whole(manifests, world)
    assert found
    snapshots = list(Eyes(world, glances=glances).see({}))
    return to_remember(Commit(manifests), Memory(), found[0], snapshots, found[1], "as always")


def short(standing: Remembered, manifests: Fleet, world: World, *, glances: bool = True) -> Short | None:
    """The same plan, on what is remembered."""
    return Shortcut(Commit(manifests), Memory(), standing, Eyes(world, glances=glances)).plan()
