"""What the rules of the trusted configuration permit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.authority.declared import Declaration, Difference, File
from reconciler.authority.identity import Identity, covers, matches
from reconciler.diagnostic import Place
from reconciler.guard import Allow
from reconciler.impact import Impact
from reconciler.source.content import printable
from reconciler.trust.fields import Rule

DELETE = "delete"
EVERYWHERE = "**"
Files = Mapping[Address, Collection[str]]
"""The files in which resources are declared."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a commit does and that a rule must permit: it changes a file, and a resource that is declared in
    it or made from it. `address` None: the file alone. `project` is whose resource it is, by its address or by the
    identity that it takes up; None for the fleet's own.
    """

    what: str
    path: str
    place: Place
    address: Address | None = None
    project: str | None = None


Makers = dict[str, list[Declaration]]
"""Resources by the files, other than manifests, that they are made from."""


def acts(difference: Difference, made_from: Makers) -> list[Act]:
    """All that a change does, on both sides: what is taken away or moved counts as much as what is put there."""
    found: dict[tuple[object, ...], Act] = {}
    for each in _acts(difference, made_from):
        found.setdefault((each.path, each.address, each.project), each)
    return list(found.values())


def _acts(difference: Difference, made_from: Makers) -> Iterator[Act]:
    remaining = {(each.address, each.path) for each in difference.after}
    for each in difference.after:
        yield from _of(each, f"changes {each.address}")
    for each in difference.before:
        kept = (each.address, each.path) in remaining
        yield from _of(each, f"{'changes' if kept else 'takes away or moves'} {each.address}")
    for file in difference.files:
        for each in made_from.get(file.path, ()):
            changed = msgspec.structs.replace(each, path=file.path, place=_place(file))
            yield from _of(changed, f"changes a file that {each.address} is made from,")
        yield Act(what="changes the file", path=file.path, place=_place(file))


def _place(file: File) -> Place:
    return Place(printable(file.path))


def _of(declaration: Declaration, what: str) -> Iterator[Act]:
    address, origin = declaration.address, declaration.origin
    for project in dict.fromkeys([address.project, origin.project]):
        told = what if project == address.project else f"takes up the identity of {origin} for {address}"
        yield Act(what=told, path=declaration.path, place=declaration.place, address=address, project=project)


def permitted(act: Act, who: Identity, rules: Iterable[Rule]) -> bool:
    """Whether some rule lets them do it. One rule has to give all of it."""
    return any(_is_for(rule, who) and _gives(rule, act) for rule in rules)


def permitting(act: Act, rules: Iterable[Rule]) -> list[str]:
    """Whom the rules would let do it."""
    return list(dict.fromkeys(who for rule in rules if _gives(rule, act) for who in rule.who))


def _is_for(rule: Rule, who: Identity) -> bool:
    return any(matches(pattern, name) for pattern in rule.who for name in who.names)


def _gives(rule: Rule, act: Act) -> bool:
    if not any(covers(pattern, act.path) for pattern in rule.paths):
        return False
    return act.address is None or _owns(rule, act.address.kind, act.project)


def _owns(rule: Rule, kind: str, project: str | None) -> bool:
    whose = rule.fleet if project is None else any(matches(pattern, project) for pattern in rule.projects)
    return whose and any(matches(pattern, kind) for pattern in rule.kinds)


def may_consent(allow: Allow, who: Identity, rules: Sequence[Rule], files: Files) -> bool:
    """Whether they may give this consent. Where there are no rules everybody may everything, and so this as well.
    `files` has those in which what is consented to is declared, or was.
    """
    return not rules or any(_is_for(rule, who) and _consents(rule, allow, files) for rule in rules)


def consenting(allow: Allow, rules: Iterable[Rule], files: Files) -> list[str]:
    """Whom the rules would let give it."""
    return list(dict.fromkeys(who for rule in rules if _consents(rule, allow, files) for who in rule.who))


def _consents(rule: Rule, allow: Allow, files: Files) -> bool:
    if allow.delete_count is not None:  # of anything, wherever
        everything = rule.fleet and "*" in rule.projects and "*" in rule.kinds and EVERYWHERE in rule.paths
        return DELETE in rule.consent and everything
    owned = all(_owns(rule, each.kind, each.project) and _reaches(rule, files.get(each)) for each in allow.addresses)
    given = Allow(
        impacts=frozenset(
            (Impact(each), address) for each in rule.consent if each != DELETE for _, address in allow.impacts
        )
    )
    return (
        owned
        and (not allow.deletes or DELETE in rule.consent)
        and all(given.covers(impact, address) for impact, address in allow.impacts)
    )


def _reaches(rule: Rule, files: Collection[str] | None) -> bool:
    """Whether a rule is for all of these files; where none is known, such as of what was left over, for every file."""
    if not files:
        return EVERYWHERE in rule.paths
    return all(any(covers(pattern, path) for pattern in rule.paths) for path in files)
