"""What a plan opens and closes, spelled out: the part of a change that a reviewer must not overlook."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.firewall.meaning import for_anyone, turns
from reconciler.objects import Value
from reconciler.plan import Change, FieldChange, Plan
from reconciler.report.grouping import Group, group


def filtering_lines(plan: Plan) -> list[tuple[str, list[str]]]:
    """By address, what opens and what closes; resources without either are left out."""
    return [(str(one.address), lines) for one in group(plan.changes) if (lines := list(_of(one)))]


def opened_to_anyone(change: Change) -> list[str]:
    """The rules of a change that let in whoever asks, and did not before."""
    return [
        turn.rule
        for field in change.fields
        if field.path == "rules"
        for turn in turns(_texts(field.before), _texts(field.after))
        if turn.opens and not turn.covered and for_anyone(turn.rule)
    ]


def _of(one: Group) -> Iterator[str]:
    change = one.change
    if change.key.address.kind == "SecurityGroup":
        if change.action == "delete":
            yield f"closes: all that it allowed on {', '.join(one.hosts)}"
        for field in sorted(change.fields, key=lambda each: each.path != "rules"):
            if field.path in ("rules", "members"):
                yield from _rules(field) if field.path == "rules" else _members(field)
    elif change.key.address.kind == "Instance":
        for field in change.fields:
            if field.path.startswith("nics.") and field.path.endswith(".securityGroups"):
                yield from _joined(field)


def _rules(field: FieldChange) -> Iterator[str]:
    for turn in turns(_texts(field.before), _texts(field.after)):
        verb = "opens" if turn.opens else "closes"
        if turn.covered:
            yield f"{verb} nothing: {turn.rule}  (allowed anyway by: {turn.covered})"
        else:
            yield f"{verb}: {turn.rule}"


def _members(field: FieldChange) -> Iterator[str]:
    before, after = _texts(field.before), _texts(field.after)
    assumed = "" if field.certain else "  (assumed)"
    yield from (f"joins: {each}{assumed}" for each in after if each not in before)
    yield from (f"leaves: {each}{assumed}" for each in before if each not in after)


def _joined(field: FieldChange) -> Iterator[str]:
    nic = field.path.split(".")[1]
    before, after = _texts(field.before), _texts(field.after)
    yield from (f"NIC {nic} gets what {each} opens" for each in after if each not in before)
    yield from (f"NIC {nic} loses what {each} opened" for each in before if each not in after)


def _texts(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
