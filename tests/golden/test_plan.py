"""What is planned, as documentation: each folder is a sentence, what the hosts show, what is desired, and the plan.

`given.yaml` tells how the hosts came to be as they are, all of it optional: `facts` (how much one has, in bytes),
`applied` (another file of manifests, as an earlier run left it), `edits` (what somebody did to an object by hand),
`hosts` (what is wrong with one), and what the run is given: `allow`, `targets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from reconciler import planning
from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.guard import parse_allow
from reconciler.manifest import Blob
from reconciler.objects import Observed, Value
from reconciler.observation import Failed, Foreign, Partial, Snapshot
from reconciler.plan import Plan, Source
from reconciler.report.data import dump
from reconciler.report.line import plain
from reconciler.report.plan_json import plan_value
from reconciler.report.plan_text import plan_lines
from reconciler_simulator.impacts import IMPACTS
from tests.laws.strategies import everything_of
from tests.support.golden import Golden
from tests.support.world import World, facts_of

CASES = Path(__file__).parent / "plan"


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """What was done to an object by hand: fields of its forms, its marks, or that it is gone or half there."""

    object: str
    stored: dict[str, Value] = {}
    running: dict[str, Value] | None = {}
    guards: tuple[str, ...] | None = None
    gone: bool = False
    half: bool = False


class Wrong(msgspec.Struct, forbid_unknown_fields=True):
    """What is wrong with a host."""

    failed: str = ""
    gaps: tuple[str, ...] = ()
    no_enforcement: str = ""
    foreign: tuple[dict[str, str], ...] = ()


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """`given.yaml`."""

    applied: str = ""
    edits: tuple[Edit, ...] = ()
    facts: dict[str, dict[str, Any]] = {}
    hosts: dict[str, Wrong] = {}
    allow: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_the_plan_is_as_it_was_read(case: str, golden: Golden) -> None:
    planned = planned_in(CASES / case)
    golden.check(CASES / case / "plan.txt", plain(plan_lines(planned)))
    golden.check(CASES / case / "plan.json", dump(plan_value(planned)))


def planned_in(folder: Path) -> Plan:
    """The plan of a case."""
    given = msgspec.convert(_yaml(folder / "given.yaml"), Given)
    wanted = read(folder / "desired.yaml")
    facts = {host: facts_of(host, **more) for host, more in given.facts.items()}
    world = World(hosts=tuple(sorted(a.name for a in wanted.resources if a.kind == "Host")), facts=facts)
    if given.applied:
        before = read(folder / given.applied)
        world = world.applied(world.plan(before, allow=everything_of(before)))
    for edit in given.edits:
        world = _edited(world, edit)
    snapshots = [_wrong(each, given.hosts.get(each.host, Wrong())) for each in world.snapshots()]
    targets = frozenset(Address.parse(target) for target in given.targets)
    impacts = dict.fromkeys(world.hosts, IMPACTS)
    return planning.planned(wanted, snapshots, impacts, Source(commit="c0ffee"), parse_allow(given.allow), targets).plan


def read(path: Path) -> Desired:
    """Manifests without mistakes."""
    found, diagnostics = load([Blob(path=path.name, data=path.read_bytes())], lambda file: None)
    assert not failed(diagnostics), diagnostics
    return found


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def _edited(world: World, edit: Edit) -> World:
    objects = dict(world.objects)
    key = next(key for key, each in objects.items() if str(each.key) == edit.object)
    found = objects.pop(key)
    if not edit.gone:
        objects[key] = _halved(found) if edit.half else _changed(found, edit)
    return msgspec.structs.replace(world, objects=objects)


def _changed(found: Observed, edit: Edit) -> Observed:
    running = None if edit.running is None else {**(found.running or {}), **edit.running} or None
    stored = {path: value for path, value in {**found.stored, **edit.stored}.items() if value is not None}
    guards = found.guards if edit.guards is None else edit.guards
    return msgspec.structs.replace(found, stored=stored, running=running, guards=guards)


def _halved(found: Observed) -> Observed:
    stored = {path: value for path, value in found.stored.items() if path in ("image", "disk.size")}
    needs = tuple(need for need in found.needs if need.address.kind == "Image")
    return Observed(key=found.key, origin=found.origin, uid=found.uid, stored=stored, needs=needs, incomplete=True)


def _wrong(snapshot: Snapshot, wrong: Wrong) -> Snapshot:
    if wrong.failed:
        return Snapshot(host=snapshot.host, status=Failed(error=wrong.failed))
    status = Partial(gaps=wrong.gaps) if wrong.gaps else snapshot.status
    facts = snapshot.facts
    if wrong.no_enforcement and facts:
        facts = msgspec.structs.replace(facts, enforcement="", enforcement_reason=wrong.no_enforcement)
    foreign = tuple(
        Foreign(each["what"], each["name"], each["reason"], ObjectKey(snapshot.host, Address.parse(each["claims"])))
        for each in wrong.foreign
    )
    return msgspec.structs.replace(snapshot, status=status, facts=facts, foreign=foreign)
