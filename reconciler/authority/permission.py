"""Whether those who answer for commits may change what these change, by the rules of the trusted configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from reconciler.address import Address
from reconciler.authority.commits import Commit, read
from reconciler.authority.declared import EMPTY_TREE, Declaration, Difference, Differences
from reconciler.authority.history import History
from reconciler.authority.identity import Identity
from reconciler.authority.rules import Act, Files, Makers, acts, permitted, permitting
from reconciler.authority.since import too_many
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, Untrusted, error
from reconciler.kinds.instance import InstanceSpec
from reconciler.kinds.keypair import KeypairSpec
from reconciler.suggest import listed
from reconciler.treepath import beside
from reconciler.trust.fields import Rule

_MOST_TOLD = 20


def refuse_unpermitted(
    history: History,
    answering: Mapping[str, Identity],
    rules: Sequence[Rule],
    differences: Differences,
    wanted: Desired,
) -> Files:
    """In which files all that changes stood before. Raises `Untrusted` with everything that some commit changes and
    whoever answers for it may not.

    Every step from what is in force to the tip is judged, so that nothing comes in that nobody answers for. A branch
    that does not continue what is in force is one step, for which the tip's author answers.
    """
    line = history.line
    if not line.complete:
        raise too_many(history.known)
    commits = line.commits if line.joined else line.commits[-1:]
    found = differences.of(_pairs(history, commits))
    made_from = _made_from(wanted)
    refused = [
        (commit, act)
        for commit, difference in zip(commits, found, strict=True)
        for act in _refused(difference, answering[commit.id], rules, made_from)
    ]
    if refused:
        told = [_told(commit, answering[commit.id], act, rules) for commit, act in refused[:_MOST_TOLD]]
        raise Untrusted(*told, *_more(len(refused) - _MOST_TOLD))
    before: dict[Address, set[str]] = {}
    for each in (each for difference in found for each in difference.before):
        before.setdefault(each.address, set()).add(each.path)
    return before


def _pairs(history: History, commits: Sequence[Commit]) -> list[tuple[str, str]]:
    """The trees before and after each commit; before the first one is what is in force."""
    begin = history.line.start if history.line.joined else history.in_force
    first = read(history.repo, [begin])[0].tree if begin else EMPTY_TREE
    trees = [first, *(commit.tree for commit in commits)]
    return list(pairwise(trees))


def _refused(difference: Difference, who: Identity, rules: Sequence[Rule], made_from: Makers) -> list[Act]:
    found = [act for act in acts(difference, made_from) if not permitted(act, who, rules)]
    told = {act.path for act in found if act.address is not None}
    return [act for act in found if act.address is not None or act.path not in told]


def _told(commit: Commit, who: Identity, act: Act, rules: Sequence[Rule]) -> Diagnostic:
    may = permitting(act, rules)
    whom = f"The rules let {listed(may)} do that" if may else "The rules let nobody do that"
    remedy = "revert that, or let one of those make the commit, or merge it" if may else "revert that"
    detail = (
        f"{commit.name[:1].upper()}{commit.name[1:]}, for which {who} answers, {act.what} in {act.place}. {whom}."
        f" Nothing of it is applied: {remedy}."
    )
    return error("not-permitted", "commit changes what its author may not", detail, act.place)


def _more(number: int) -> list[Diagnostic]:
    if number <= 0:
        return []
    return [error("not-permitted", "commit changes what its author may not", f"And {number} more changes.")]


def _made_from(wanted: Desired) -> Makers:
    """The resources that the tip makes from files beside their manifests: keys and user data. Images name a digest of
    theirs, so that another file changes nothing.
    """
    found: Makers = {}
    for address, resource in wanted.resources.items():
        match resource.spec:
            case KeypairSpec(public_key_file=str() as file):
                pass
            case InstanceSpec(user_data_from=origin) if origin is not None and origin.file is not None:
                file = origin.file
            case _:
                continue
        made = Declaration(
            address=address, origin=resource.origin, path=resource.place.path, meaning=b"", place=resource.place
        )
        found.setdefault(beside(resource.place.path, file), []).append(made)
    return found
