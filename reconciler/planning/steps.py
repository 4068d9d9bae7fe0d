"""Changes → steps and their order. Everything is decided here; apply only runs what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
import networkx as nx

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.guard.verdict import granted, granted_fields, ungranted_fields
from reconciler.impact import Impact
from reconciler.objects import Readiness
from reconciler.plan import FieldChange, Step, Verb
from reconciler.planning.effect import merged
from reconciler.snapshots import Snapshots

Cases = Mapping[ObjectKey, Case]


def steps(cases: Cases, snapshots: Snapshots) -> tuple[Step, ...]:
    """The steps of all that is granted, in the lexicographically first order that their edges allow."""
    made = {key: {step.verb: step for step in _of(case)} for key, case in sorted(cases.items())}
    graph: nx.DiGraph[str] = nx.DiGraph()
    for verbs in made.values():
        graph.add_nodes_from(step.id for step in verbs.values())
    graph.add_edges_from(_edges(made, cases, snapshots))
    by_id = {step.id: step for verbs in made.values() for step in verbs.values()}
    return tuple(
        msgspec.structs.replace(by_id[name], after=tuple(sorted(graph.predecessors(name))))
        for name in nx.lexicographical_topological_sort(graph)
    )


def _of(case: Case) -> Iterator[Step]:
    """The steps of one change: none, one, or the two of a replacement."""
    expect = case.observed.digest() if case.observed else None
    action = case.change.action
    if action == "create" and granted(case):
        yield _step(case, "create", wanted=case.wanted, expect=expect, impact=case.change.impact, ready=_ready(case))
    elif action == "delete" and granted(case):
        yield _step(case, "delete", expect=expect)
    elif action == "replace" and granted(case):
        yield _step(case, "delete", expect=expect, impact=Impact.REPLACE)
        yield _step(case, "create", wanted=case.wanted, impact=Impact.REPLACE, ready=_ready(case))
    elif action in ("update", "replace") and (fields := granted_fields(case)):
        impact = max((field.impact for field in fields), key=lambda each: each.rank)
        yield _step(
            case,
            "update",
            wanted=merged(case),
            expect=expect,
            impact=impact,
            paths=tuple(sorted(field.path for field in fields)),
            waiting=tuple(sorted(field.path for field in ungranted_fields(case))),
            ready=_ready(case) if _starts(fields) else None,
        )


def _ready(case: Case) -> Readiness | None:
    return case.wanted.ready if case.wanted else None


def _starts(fields: Iterable[FieldChange]) -> bool:
    """Whether an update starts the guest, from cold or anew."""
    return any(field.impact.rank >= Impact.RESTART.rank or field.path == "powerState" for field in fields)


def _step(case: Case, verb: Verb, **more: object) -> Step:
    key = case.change.key
    return msgspec.structs.replace(Step(id=f"{verb} {key}", key=key, verb=verb), **more)


_Made = Mapping[ObjectKey, Mapping[Verb, Step]]


def _edges(made: _Made, cases: Cases, snapshots: Snapshots) -> Iterator[tuple[str, str]]:
    """(earlier, later) pairs of step ids."""
    for key, verbs in made.items():
        if "delete" in verbs:
            yield from _before_deletion(key, verbs["delete"], made, snapshots)
        if "delete" in verbs and "create" in verbs:
            yield verbs["delete"].id, verbs["create"].id
        wanted = cases[key].wanted
        for verb in ("create", "update"):
            for need in wanted.needs if wanted and verb in verbs else ():
                yield from ((step.id, verbs[verb].id) for step in _making(made.get(need, {})))
            for each in wanted.awaits if wanted and verb in verbs else ():
                yield from ((step.id, verbs[verb].id) for step in _making(made.get(each.key, {})))


def _making(verbs: Mapping[Verb, Step]) -> Iterator[Step]:
    return (step for verb, step in verbs.items() if verb != "delete")


def _before_deletion(key: ObjectKey, deletion: Step, made: _Made, snapshots: Snapshots) -> Iterator[tuple[str, str]]:
    """A deletion comes after everything that lets go of the object, as it is seen to be used."""
    for user in snapshots.users(key):
        using = made.get(ObjectKey(user.key.host, user.origin, user.key.part), {})
        alike = user.key.address.kind == key.address.kind
        for verb, step in using.items():
            if not (alike and verb == "delete"):  # groups that name each other go in any order
                yield step.id, deletion.id
