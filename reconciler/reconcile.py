"""One round: what a commit wants, what the hosts show, the difference, and its closing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from reconciler import authority, desired, planfile, planning, record, trust
from reconciler.address import Address
from reconciler.apply import apply
from reconciler.authority import Judgement
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, DiagnosticError, error, failed, in_order
from reconciler.driver import Driver, HostConfig
from reconciler.files import FleetFiles
from reconciler.guard import Allow
from reconciler.hosts import Reached, reach
from reconciler.installed import driver_type, impacts
from reconciler.listener import Listener
from reconciler.memory import manifests
from reconciler.observation import Snapshot
from reconciler.parsing import Memory, known
from reconciler.plan import Outcome, Plan
from reconciler.source import Tree, open_source

KEPT_BY_DESTROY = frozenset({"Fleet", "Host"})


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a round is about.

    `rev` None means the work tree. `config` is the trusted configuration (None: the usual place). `destroy` wants
    nothing but the fleet and its hosts. `deadline` is how long, in seconds, a host may take to be observed.
    """

    repo: Path = Path()
    path: str = ""
    rev: str | None = None
    config: Path | None = None
    allow: Allow = Allow()
    targets: frozenset[Address] = frozenset()
    destroy: bool = False
    deadline: float = 60.0


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A source, understood; never planned when its diagnostics hold an error. `memory` knows its manifests."""

    tree: Tree
    desired: Desired
    diagnostics: list[Diagnostic]
    memory: Memory | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A plan together with what it was made from. `drivers` has those hosts that answered, by name; `unchanged` tells
    by host how many objects were found to be as wanted, when it was planned here.
    """

    loaded: Loaded
    snapshots: list[Snapshot]
    plan: Plan
    drivers: Mapping[str, Driver]
    unchanged: Mapping[str, int] | None = None


class StalePlan(Exception):
    """The hosts are no longer what a saved plan was made for; `moved` names what differs. Nothing was done."""

    def __init__(self, moved: Sequence[str]) -> None:
        super().__init__("the plan is stale; plan again: " + ", ".join(moved))
        self.moved = list(moved)


def load(options: Options) -> Loaded:
    """Read and understand the source; mistakes are diagnostics. Raises `SourceError` when there is none to read."""
    tree = open_source(options.repo, rev=options.rev, path=options.path)
    memory = manifests(options.repo, options.path)
    blobs = tree.blobs(lambda identity: known(identity, memory))
    wanted, mistakes = desired.load(blobs, tree.read_file, memory)
    memory.save()
    return Loaded(tree=tree, desired=wanted, diagnostics=in_order([*tree.diagnostics, *mistakes]), memory=memory)


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What the trusted configuration says of the fleet that a source declares: how its hosts are reached, what is to be
    said about that, and which hosts no manifest names. `judged` is what the source may do, as of now.
    """

    configuration: trust.Trust
    hosts: list[HostConfig]
    diagnostics: tuple[Diagnostic, ...]
    undeclared: tuple[str, ...]
    judged: Judgement


def around(loaded: Loaded, options: Options) -> Around:
    """Ask the trusted configuration. Raises `DiagnosticError` when it or the source has errors: they never plan; and
    `Untrusted` when the source may not do what it does.
    """
    if failed(loaded.diagnostics):
        raise DiagnosticError(*loaded.diagnostics)
    configuration = trust.load(options.config)
    hosts, mistakes = configuration.hosts(loaded.desired)
    if failed(mistakes):
        raise DiagnosticError(*mistakes)
    mistakes += configuration.missing_secrets(loaded.desired) + configuration.misspelt_projects(loaded.desired)
    undeclared = configuration.undeclared(loaded.desired)
    judged = judge(loaded, configuration)
    return Around(
        configuration=configuration, hosts=hosts, diagnostics=tuple(mistakes), undeclared=undeclared, judged=judged
    )


def judge(loaded: Loaded, configuration: trust.Trust) -> Judgement:
    """What a source may do, by the trusted configuration and by what is applied now. Raises `Untrusted`."""
    return authority.judge(loaded.tree, loaded.desired, configuration, loaded.memory)


@contextmanager
def connect(loaded: Loaded, options: Options) -> Iterator[Reached]:
    """Reach and observe all hosts of the fleet; a host that does not answer is a `Failed` snapshot.

    Raises `DiagnosticError` when the source or the trusted configuration has errors: they never plan.
    """
    with _reaching(loaded, around(loaded, options), options) as reached:
        yield reached


@contextmanager
def _reaching(loaded: Loaded, known: Around, options: Options) -> Iterator[Reached]:
    with files_of(loaded, known) as files:
        reached = reach(known.hosts, files, options.deadline, driver_type)
        try:
            yield msgspec.structs.replace(reached, diagnostics=known.diagnostics, undeclared=known.undeclared)
        finally:
            reached.close()


def files_of(loaded: Loaded, known: Around) -> FleetFiles:
    """What a fleet's drivers may ask for by name; it is a context."""
    fleet_id = loaded.desired.fleet_id
    configuration = known.configuration
    return FleetFiles(configuration.folders(fleet_id), loaded.tree, secrets=configuration.secrets(fleet_id))


def observe(loaded: Loaded, options: Options) -> list[Snapshot]:
    """What the fleet's hosts show."""
    with connect(loaded, options) as reached:
        return reached.snapshots


@contextmanager
def plan_round(options: Options) -> Iterator[Round]:
    """Load, observe and plan; the drivers stay open while the context lasts."""
    loaded = load(options)
    known = around(loaded, options)
    with _reaching(loaded, known, options) as reached:
        yield decide(loaded, reached, options, known.judged)


def decide(loaded: Loaded, reached: Reached, options: Options, judged: Judgement | None = None) -> Round:
    """Plan what a source desires on hosts that were looked at. Unless it was `judged` just now it is judged anew, since
    consent is spent and bounds move with what is applied. Raises `Untrusted`.
    """
    judged = judged or judge(loaded, trust.load(options.config))
    outcome = planning.planned(
        emptied(loaded.desired) if options.destroy else loaded.desired,
        reached.snapshots,
        {host.name: impacts(host.driver) for host in reached.hosts},
        loaded.tree.source,
        options.allow if options.destroy else judged.allow(options.allow),
        options.targets,
        reached.undeclared,
        judged.budget,
        judged.barred,
    )
    plan = msgspec.structs.replace(
        outcome.plan,
        extent="emptied" if options.destroy else outcome.plan.extent,
        diagnostics=(*loaded.diagnostics, *judged.diagnostics, *reached.diagnostics, *outcome.plan.diagnostics),
    )
    return Round(
        loaded=loaded,
        snapshots=reached.snapshots,
        plan=plan,
        drivers=reached.drivers,
        unchanged=outcome.unchanged,
    )


@contextmanager
def saved_round(options: Options, data: bytes) -> Iterator[Round]:
    """Take up a saved plan: its own commit, its own steps, on hosts that are as they were when it was made.

    Raises `DiagnosticError` when the file is no plan of this fleet, and `StalePlan`.
    """
    head = load(msgspec.structs.replace(options, rev="HEAD"))
    if head.desired.fleet is None:
        raise DiagnosticError(*head.diagnostics)
    try:
        plan = planfile.load(data, head.desired.fleet_id)
    except ValueError as problem:
        raise DiagnosticError(error("plan-file", "saved plan cannot be used", str(problem))) from problem
    loaded = load(msgspec.structs.replace(options, rev=plan.source.commit))
    known = around(loaded, options)
    with _reaching(loaded, known, options) as reached:
        if moved := planfile.moved(plan, reached.snapshots, known.judged.barred):
            raise StalePlan(moved)
        yield Round(loaded=loaded, snapshots=reached.snapshots, plan=plan, drivers=reached.drivers)


def apply_round(
    round_: Round,
    plan: Plan,
    listener: Listener,
    stop: threading.Event,
    *,
    workers: int = 4,
    leading: Callable[[str], None] | None = None,
    opening: Callable[[], None] | None = None,
    closing: Callable[[list[Outcome]], None] | None = None,
) -> list[Outcome]:
    """Carry a plan out on the round's hosts, as the only writer of every host that it touches, and while `leading`
    raises no `DriverError` for it. `opening` is called once we are, and raises `DriverError` (held) when another writer
    was there in between; `closing` gets the outcomes before any other writer may go on: it is where a run is
    written down, or a controller could still undo what the record does not know of yet.

    Raises `DriverError` (held) before anything is done when another writer has one of them.
    """
    sure = [each.host for each in round_.snapshots if each.complete]
    return apply(
        plan,
        round_.drivers,
        listener,
        stop,
        workers=workers,
        sure=sure,
        leading=leading,
        opening=opening,
        closing=closing,
    )


def record_round(round_: Round, plan: Plan, outcomes: Sequence[Outcome], by: str, not_ready: int = 0) -> None:
    """Write down in Git what a plan of a commit came to, when it is done, and how many guests are not ready yet that no
    outcome is about. Raises `RecordError`, which undoes nothing.

    What was applied from a work tree is recorded nowhere: there is no commit to which it could be put.
    """
    if plan.source.work_tree or not plan.source.commit:
        return
    run = record.run_of(plan, outcomes, time=record.now(), by=by, not_ready=not_ready)
    record.write(round_.loaded.tree.repository, plan.source.commit, run)


def emptied(wanted: Desired) -> Desired:
    """The fleet and its hosts, with nothing on them."""
    kept = {address: each for address, each in wanted.resources.items() if address.kind in KEPT_BY_DESTROY}
    return msgspec.structs.replace(wanted, resources=kept)
