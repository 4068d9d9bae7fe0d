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


def refuse_another_id(tree: Tree, wanted: Desired, configuration: Trust, memory: Memory | None) -> None:
    """Raises `Untrusted` when a fleet that has rules, or asks for signatures, was applied from where now another one is
    declared.
    """
    for fleet_id, fleet in sorted(configuration.fleets.items()):
        if fleet_id == wanted.fleet_id or not (fleet.rules or fleet.signatures.require != "none"):
            continue
        history = History(tree.repository, tree.source.commit, fleet_id, fleet)
        if not history.applied:
            continue
        changed = set(changed_files(history.repo, history.applied, history.tip, tree.folder))
        nothing = Desired(fleet=None, resources={})
        before = fleet_of(applied_owners(history.repo, history.applied, changed, tree.folder, nothing, memory))
        if before is not None and before.id == fleet_id:
            raise _another(wanted.fleet_id, history.applied, fleet_id)


def _another(now: str, applied: str, before: str) -> Untrusted:
    detail = (
        f"It declares fleet {now}, where commit {applied[:12]}, which is applied, declares {before}. That one's rules"
        " would no longer hold, and nobody would look after what stands. Undo that. Where it is meant:"
        f" git update-ref -d refs/reconciler/{before}/applied"
    )
    return Untrusted(error("other-fleet", "commit is of another fleet", detail))
