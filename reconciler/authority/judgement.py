"""One verdict on a source: may it be planned for, with which consent, and within which bounds?"""

from __future__ import annotations

from collections import ChainMap

import msgspec

from reconciler.authority.consents import consents
from reconciler.authority.declared import Differences, changed_files
from reconciler.authority.history import History, Required
from reconciler.authority.permission import refuse_unpermitted
from reconciler.authority.policy import (
    Owners,
    applied_owners,
    beyond_applied,
    beyond_bounds,
    budget,
    fleet_of,
    owners_of,
)
from reconciler.authority.rules import Files
from reconciler.authority.taking import refuse_another_id
from reconciler.authority.uses import barred, beyond_uses
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, Untrusted, error
from reconciler.guard import Allow
from reconciler.kinds.fleet import DeletionBudget
from reconciler.parsing import Memory
from reconciler.placement import Barred
from reconciler.source import Tree
from reconciler.trust import Trust
from reconciler.trust.fields import FleetTrust

_STRICTNESS: dict[Required, int] = {"none": 0, "tip": 1, "all": 2}


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a source may do: the consent that its commits give, each part with who gave it, how much it may delete, and
    the hosts from which its projects are `barred`. `owners` are the Fleet and the Projects by which it was judged.
    `diagnostics` are warnings.
    """

    owners: Owners = {}
    given: tuple[tuple[Allow, str], ...] = ()
    budget: DeletionBudget | None = None
    barred: Barred = {}
    diagnostics: tuple[Diagnostic, ...] = ()

    def allow(self, own: Allow) -> Allow:
        """All that is consented to, by these commits and by who runs this."""
        return own.with_given(self.given) if self.given else own


def judge(tree: Tree, wanted: Desired, configuration: Trust, memory: Memory | None = None) -> Judgement:
    """Judge a source by the trusted configuration and by what is applied, never by what it says itself.

    Raises `Untrusted` with all that is against a commit. What is against the commit below a work tree is a warning:
    a work tree is only ever planned.
    """
    fleet = configuration.fleet(wanted.fleet_id)
    source, shut = tree.source, barred(wanted, fleet.projects)
    if not source.commit:
        return Judgement(budget=budget(fleet_of(owners_of(wanted)), fleet.bounds), barred=shut)
    try:
        refuse_another_id(tree, wanted, configuration, memory)
        history = History(tree.repository, source.commit, wanted.fleet_id, fleet)
        owners = _owners(tree, wanted, history, memory)
        given, warnings = _trusted(tree, wanted, history, owners, fleet, memory)
    except Untrusted as refusal:
        if not source.work_tree:
            raise
        return Judgement(barred=shut, diagnostics=tuple(map(_as_warning, refusal.diagnostics)))
    deletions = budget(fleet_of(owners), fleet.bounds)
    return Judgement(owners=owners, given=given, budget=deletions, barred=shut, diagnostics=tuple(warnings))


def _trusted(
    tree: Tree, wanted: Desired, history: History, owners: Owners, fleet: FleetTrust, memory: Memory | None
) -> tuple[tuple[tuple[Allow, str], ...], list[Diagnostic]]:
    """The consent that is given, and what is to be said; raises `Untrusted`."""
    beyond = [
        *(beyond_applied(wanted, owners, history.applied) if history.applied else ()),
        *beyond_bounds(wanted, fleet.bounds),
        *beyond_uses(wanted, fleet.projects),
    ]
    if beyond:
        raise Untrusted(*beyond)
    required = _required(owners, fleet)
    try:
        return _judged(tree, wanted, history, required, fleet, memory)
    except Untrusted as refusal:
        if required != "none" or fleet.rules:
            raise
        return (), list(map(_as_warning, refusal.diagnostics))  # then it is about trailers alone


def _judged(
    tree: Tree, wanted: Desired, history: History, required: Required, fleet: FleetTrust, memory: Memory | None
) -> tuple[tuple[tuple[Allow, str], ...], list[Diagnostic]]:
    if not history.new:
        return (), []
    answering = history.answering(required)
    files: Files = {}
    if fleet.rules:
        differences = Differences(history.repo, history.tip.id, tree.folder, memory)
        before = refuse_unpermitted(history, answering, fleet.rules, differences, wanted)
        files = ChainMap({address: (each.place.path,) for address, each in wanted.resources.items()}, {**before})
    given, warnings = consents(history.consenting, answering, fleet.rules, files)
    return tuple(given), [*_claimed(required, fleet), *warnings]


def _owners(tree: Tree, wanted: Desired, history: History, memory: Memory | None) -> Owners:
    """The Fleet and the Projects by which a source is judged: the applied ones, or, of the first commit, its own."""
    own = owners_of(wanted)
    if not history.applied or (history.applied == history.tip.id and not tree.source.work_tree):
        return own
    changed = set(changed_files(history.repo, history.applied, history.tip, tree.folder))
    if tree.source.work_tree:
        changed |= {each.place.path for each in own.values()}
    found = applied_owners(history.repo, history.applied, changed, tree.folder, wanted, memory)
    if tree.source.work_tree and fleet_of(found) is None:  # it was moved, and to compare all files takes its time
        found = applied_owners(history.repo, history.applied, {*changed, *tree.differs}, tree.folder, wanted, memory)
    return found


def _required(owners: Owners, fleet: FleetTrust) -> Required:
    """Which commits must be signed: the stricter of what the trusted configuration and the applied Fleet say."""
    spec = fleet_of(owners)
    asked: list[Required] = [fleet.signatures.require, *([spec.policy.signatures] if spec else [])]
    return max(asked, key=lambda each: _STRICTNESS[each])


def _claimed(required: Required, fleet: FleetTrust) -> list[Diagnostic]:
    if required != "none" or not fleet.rules:
        return []
    detail = (
        "Without signatures a commit is its author's because it says so: the rules bind the careless, and whoever lets"
        " pushes through vouches for the names. Write `signatures: {require: all}` into the trusted configuration."
    )
    return [_as_warning(error("names-only-claimed", "rules go by names that nobody verifies", detail))]


def _as_warning(diagnostic: Diagnostic) -> Diagnostic:
    return msgspec.structs.replace(diagnostic, severity="warning")
