"""A commit that takes another fleet's id: it would be judged by that one's rules, and rule that one's hosts."""

from __future__ import annotations

from reconciler.authority.declared import changed_files
from reconciler.authority.history import History
from reconciler.authority.policy import applied_owners, fleet_of
from reconciler.desired import Desired
from reconciler.diagnostic import Untrusted, error
from reconciler.parsing import Memory
from reconciler.source import Tree
from reconciler.trust import Trust
from reconciler.trust.fields import FleetTrust


def refuse_another_id(tree: Tree, wanted: Desired, configuration: Trust, memory: Memory | None) -> None:
    """Raises `Untrusted` when a fleet that has rules, or asks for signatures, was applied from where now another one is
    declared; and where there are such fleets, when this one has no section: else whoever makes up an id is bound by
    nothing on hosts that are reached all the same.
    """
    strict = {name: each for name, each in configuration.fleets.items() if _is_strict(each)}
    for fleet_id, fleet in sorted(strict.items()):
        if fleet_id == wanted.fleet_id:
            continue
        history = History(tree.repository, tree.source.commit, fleet_id, fleet)
        if not history.applied:
            continue
        changed = set(changed_files(history.repo, history.applied, history.tip, tree.folder))
        nothing = Desired(fleet=None, resources={})
        before = fleet_of(applied_owners(history.repo, history.applied, changed, tree.folder, nothing, memory))
        if before is not None and before.id == fleet_id:
            raise _another(wanted.fleet_id, history.applied, fleet_id)
    if strict and wanted.fleet_id not in configuration.fleets:
        raise _unknown(wanted.fleet_id)


def _is_strict(fleet: FleetTrust) -> bool:
    return bool(fleet.rules or fleet.projects) or fleet.signatures.require != "none"


def _unknown(fleet_id: str) -> Untrusted:
    detail = (
        f"The trusted configuration has rules or signatures for other fleets, and no section for {fleet_id}: it cannot"
        f" be told whose word counts for it. Where it is meant, write `{fleet_id}: {{}}` into `fleets`, or more."
    )
    return Untrusted(error("other-fleet", "fleet is none of the trusted configuration", detail))


def _another(now: str, applied: str, before: str) -> Untrusted:
    detail = (
        f"It declares fleet {now}, where commit {applied[:12]}, which is applied, declares {before}. That one's rules"
        " would no longer hold, and nobody would look after what stands. Undo that. Where it is meant:"
        f" git update-ref -d refs/reconciler/{before}/applied"
    )
    return Untrusted(error("other-fleet", "commit is of another fleet", detail))
