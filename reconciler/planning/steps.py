"""Changes → steps and their order. Everything is decided here; apply only runs what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.address import ObjectKey
from reconciler.diff import Case
from reconciler.guard.handing import holders, takes
from reconciler.guard.needs import awaited
from reconciler.guard.verdict import granted, granted_fields, ungranted_fields
from reconciler.impact import Impact
from reconciler.objects import Await
from reconciler.order import circles, least_first
from reconciler.plan import Step, Verb
from reconciler.planning.effect import merged
from reconciler.snapshots import Snapshots, identity

Cases = Mapping[ObjectKey, Case]


def steps(cases: Cases, snapshots: Snapshots) -> tuple[Step, ...]:
    """The steps of all that is granted, in the lexicographically first order that their edges allow."""
    made: _Made = {key: {step.verb: step for step in _of(case)} for key, case in sorted(cases.items())}
    made = {key: _awaiting(verbs, made, snapshots) for key, verbs in made.items()}
    by_id = {step.id: step for verbs in made.values() for step in verbs.values()}
    edges = [*_edges(made, cases, snapshots)]
    edges += _without_circles(edges, [*_departures(made, snapshots), *_turns(made, cases)])
    before: dict[str, set[str]] = {name: set() for name in by_id}
    for earlier, later in edges:
        before[later].add(earlier)
    return tuple(
        msgspec.structs.replace(by_id[name], after=tuple(sorted(before[name]))) for name in least_first(by_id, edges)
    )


def _of(case: Case) -> Iterator[Step]:
    """The steps of one change: none, one, or the two of a replacement."""
    expect = case.observed.digest() if case.observed else None
    action = case.change.action
    if action == "create" and granted(case):
        yield _step(case, "create", wanted=case.wanted, expect=expect, impact=case.change.impact)
    elif action == "delete" and granted(case):
        yield _step(case, "delete", expect=expect)
    elif action == "replace" and granted(case):
        yield _step(case, "delete", expect=expect, impact=Impact.REPLACE)
        yield _step(case, "create", wanted=case.wanted, impact=Impact.REPLACE)
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
        )


def _step(case: Case, verb: Verb, **more: object) -> Step:
    key = case.change.key
    step = msgspec.structs.replace(Step(id=f"{verb} {key}", key=key, verb=verb), **more)
    ready = step.wanted.ready if step.wanted and _starts(step) else None
    return msgspec.structs.replace(step, ready=ready) if ready and ready.check != "none" else step


def _starts(step: Step) -> bool:
    """Whether a step starts a guest, from cold or anew."""
    if step.key.address.kind != "Instance" or step.wanted is None or step.wanted.fields.get("powerState") == "Stopped":
        return False
    return step.verb == "create" or "powerState" in step.paths or step.impact.rank >= Impact.RESTART.rank


def _stops(step: Step) -> bool:
    stopped = step.wanted is not None and step.wanted.fields.get("powerState") == "Stopped"
    return stopped and "powerState" in step.paths


def _renames(step: Step) -> bool:
    return step.verb == "update" and "address" in step.paths


_Made = Mapping[ObjectKey, Mapping[Verb, Step]]


def _awaiting(verbs: Mapping[Verb, Step], made: _Made, snapshots: Snapshots) -> Mapping[Verb, Step]:
    """The steps that start a guest, with those that it depends on and that this plan does not start itself."""
    return {
        verb: msgspec.structs.replace(step, awaits=tuple(_standing(step, made, snapshots)))
        if step.wanted and step.wanted.awaits and _starts(step)
        else step
        for verb, step in verbs.items()
    }


def _standing(step: Step, made: _Made, snapshots: Snapshots) -> Iterator[Await]:
    for each in step.wanted.awaits if step.wanted else ():
        key = awaited(each)
        started = any(_starts(other) for other in made.get(key, {}).values())
        standing = snapshots.objects.get(key)
        if not started and standing and not standing.incomplete and each.readiness.check != "none":
            renamed = any(_renames(other) for other in made.get(key, {}).values())
            yield each if renamed else msgspec.structs.replace(each, key=standing.key)


def _edges(made: _Made, cases: Cases, snapshots: Snapshots) -> Iterator[tuple[str, str]]:
    """(earlier, later) pairs of step ids without which a step would fail, or do harm."""
    for key, verbs in made.items():
        if "delete" in verbs:
            yield from _before_deletion(key, verbs["delete"], made, snapshots)
        if "delete" in verbs and "create" in verbs:
            yield verbs["delete"].id, verbs["create"].id
        wanted = cases[key].wanted
        for verb in ("create", "update"):
            for need in wanted.needs if wanted and verb in verbs else ():
                yield from ((step.id, verbs[verb].id) for step in _making(made.get(need, {})))
            if verb in verbs:
                yield from ((step.id, verbs[verb].id) for step in _letting_go(cases[key], made, snapshots))
    yield from _expulsions(made, cases)


def _expulsions(made: _Made, cases: Cases) -> Iterator[tuple[str, str]]:
    """Whoever gets an address does so once no group has it among its members that is not to."""
    out: dict[str, list[str]] = {}
    for key, verbs in made.items():
        for field in cases[key].change.fields if key.address.kind == "SecurityGroup" and "update" in verbs else ():
            if field.path == "members" and isinstance(field.before, tuple) and isinstance(field.after, tuple):
                for address in set(field.before) - set(field.after):
                    out.setdefault(address, []).append(verbs["update"].id)
    for key, verbs in made.items() if out else ():
        for field in cases[key].change.fields if key.address.kind == "Instance" and "delete" not in verbs else ():
            if field.path.endswith((".address", ".address6")) and isinstance(field.after, str):
                yield from ((group, step.id) for group in out.get(field.after, ()) for step in verbs.values())


_Pairs = list[tuple[str, str]]


def _without_circles(edges: _Pairs, wishes: _Pairs) -> _Pairs:
    """The wishes that can be kept: who gives a volume to a guest that it depends on has to go first after all."""
    circle = (
        {name: number for number, names in enumerate(circles([*edges, *wishes])) for name in names} if wishes else {}
    )
    return [(first, then) for first, then in wishes if first not in circle or circle[first] != circle.get(then)]


def _turns(made: _Made, cases: Cases) -> Iterator[tuple[str, str]]:
    """Whoever depends on another starts after it, and stops before it."""
    for key, verbs in made.items():
        wanted = cases[key].wanted
        for verb in ("create", "update"):
            for each in wanted.awaits if wanted and verb in verbs else ():
                yield from _in_turn(verbs[verb], made.get(awaited(each), {}))


def _letting_go(case: Case, made: _Made, snapshots: Snapshots) -> Iterator[Step]:
    """The steps that free a volume which a change gives to another instance."""
    for volume in takes(case):
        for user in holders(volume, case, snapshots):
            yield from (step for verb, step in made.get(identity(user), {}).items() if verb != "create")


def _in_turn(step: Step, others: Mapping[Verb, Step]) -> Iterator[tuple[str, str]]:
    """Guests start after those that they depend on, and stop before them."""
    for other in _making(others):
        if _starts(step) and (_starts(other) or other.verb == "create" or _renames(other)):
            yield other.id, step.id
        elif _stops(step) and _stops(other):
            yield step.id, other.id


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


def _departures(made: _Made, snapshots: Snapshots) -> Iterator[tuple[str, str]]:
    """Instances go before those that they depend on. Marks of different commits may say so both ways: then it does not
    matter.
    """
    gone = {key: verbs["delete"].id for key, verbs in made.items() if "delete" in verbs}
    pairs = [
        (identity(follower), key)
        for key in gone
        for follower in snapshots.followers(key.address)
        if identity(follower) in gone
    ]
    circle = {key: number for number, keys in enumerate(circles(pairs)) for key in keys}
    for first, then in pairs:
        if first != then and (first not in circle or circle[first] != circle.get(then)):
            yield gone[first], gone[then]
