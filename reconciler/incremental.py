"""A plan that is only looked at: the same as that of `reconcile.plan_round`, made from what changed since the last one.

Nothing is ever applied, or deleted, on the word of this memory: `apply` plans for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from reconciler import record, trust
from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import DiagnosticError
from reconciler.driver import HostConfig
from reconciler.files import FleetFiles
from reconciler.guard import Allow
from reconciler.hosts import reach
from reconciler.impact import ImpactTable
from reconciler.installed import driver_type, impacts
from reconciler.islands import Remembered
from reconciler.kinds.base import Resource
from reconciler.kinds.quotas import Quotas
from reconciler.memory import manifests, plans
from reconciler.objects import digest
from reconciler.observation import Snapshot
from reconciler.pack import Pack
from reconciler.parsing import Memory
from reconciler.plan import Plan
from reconciler.planning import Planned
from reconciler.reconcile import Loaded, Options, Round, judge, plan_round
from reconciler.shortcut import Short, Shortcut, to_remember
from reconciler.source import Tree, open_source
from reconciler.trust import Trust

_KEY = "remembered"
_DECODER = msgspec.msgpack.Decoder(Remembered)
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it was read from. `whole`: all of the fleet was gone through for it."""

    plan: Plan
    tree: Tree
    whole: bool


def look(options: Options) -> Look:
    """What `plan_round` would plan, without its drivers."""
    usual = options.allow == Allow() and not options.targets and not options.destroy
    memory = plans(options.repo, options.path, work_tree=options.rev is None) if usual else None
    if memory is not None and (remembered := _recalled(memory)):
        tree = open_source(options.repo, rev=options.rev, path=options.path)
        if short := _short(options, tree, remembered):
            _remember(memory, short.remembered)
            return Look(plan=short.plan, tree=tree, whole=False)
    with plan_round(options) as round_:
        if memory is not None:
            _remember(memory, _to_remember(round_, options))
        return Look(plan=round_.plan, tree=round_.loaded.tree, whole=True)


def _short(options: Options, tree: Tree, remembered: Remembered) -> Short | None:
    understood = manifests(options.repo, options.path)
    short = Shortcut(tree, understood, remembered, _Hosts(options, tree, understood)).plan()
    if short:
        understood.save()
    return short


def _to_remember(round_: Round, options: Options) -> Remembered | None:
    """What is to be remembered of a whole plan."""
    loaded, memory = round_.loaded, round_.loaded.memory
    if memory is None or round_.unchanged is None:
        return None
    outcome = Planned(plan=round_.plan, unchanged=round_.unchanged)
    setup = _Hosts(options, loaded.tree, memory).setup(loaded.desired)
    return to_remember(loaded.tree, memory, loaded.desired, round_.snapshots, outcome, setup) if setup else None


def _recalled(memory: Pack) -> Remembered | None:
    data = memory.get(_KEY)
    try:
        return None if data is None else _DECODER.decode(data)
    except msgspec.DecodeError:
        return None


def _remember(memory: Pack, remembered: Remembered | None) -> None:
    """What cannot be remembered is forgotten, so that the next plan does not begin with it in vain."""
    data = b"" if remembered is None else _ENCODER.encode(remembered)
    if data != (memory.get(_KEY) or b""):
        memory.put(_KEY, data)
        memory.save()


class _Hosts:
    """The hosts of the trusted configuration, as `shortcut.Sight`."""

    def __init__(self, options: Options, tree: Tree, memory: Memory) -> None:
        self._options, self._tree, self._memory = options, tree, memory
        self._configuration: Trust
        self._hosts: list[HostConfig]
        self._fleet_id = ""

    def setup(self, common: Desired) -> str | None:
        """What is trusted, when it is without mistakes, and says nothing of projects."""
        try:
            self._configuration = trust.load(self._options.config)
        except DiagnosticError:
            return None
        self._fleet_id = common.fleet_id
        self._hosts, mistakes = self._configuration.hosts(common)
        section = self._configuration.fleet(self._fleet_id)
        if mistakes or section.rules or section.bounds.limits != Quotas() or section.projects:
            return None
        # What a work tree says of projects is compared with what is in force where it is read, and nowhere else.
        force = record.applied(self._tree.repository, self._fleet_id) if self._tree.source.work_tree else ""
        return digest([self._hosts, sorted(section.secrets), force])

    def tables(self) -> Mapping[str, ImpactTable]:
        """What each host's driver declares."""
        return {host.name: impacts(host.driver) for host in self._hosts}

    def see(self, known: Mapping[str, str], hosts: Collection[str] | None = None) -> Iterable[Snapshot]:
        """The hosts, looked at now."""
        asked = [each for each in self._hosts if hosts is None or each.name in hosts]
        folders, secrets = self._configuration.folders(self._fleet_id), self._configuration.secrets(self._fleet_id)
        with FleetFiles(folders, self._tree, secrets=secrets) as files:
            reached = reach(asked, files, self._options.deadline, driver_type, known)
            reached.close()
        return reached.snapshots

    def judge(self, wanted: Desired) -> Mapping[Address, Resource] | None:
        """What may be done, and by whom; None when that is more than nothing said against it."""
        loaded = Loaded(tree=self._tree, desired=wanted, diagnostics=[], memory=self._memory)
        try:
            judged = judge(loaded, self._configuration)
        except DiagnosticError:
            return None
        told = judged.given or judged.diagnostics or self._configuration.missing_secrets(wanted)
        return None if told else judged.owners
