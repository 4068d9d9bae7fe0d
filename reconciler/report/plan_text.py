"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from reconciler.diagnostic import Place
from reconciler.impact import Impact
from reconciler.plan import Change, FieldChange, Granted, Look, Plan, Refused, Source, Waiting
from reconciler.report.diagnostics import diagnostics_lines
from reconciler.report.grouping import Group, Summary, carried_out, group, summarise
from reconciler.report.line import Line, Span, counted, indented, line
from reconciler.report.value import render

SYMBOLS = {"create": "+", "update": "~", "replace": "-/+", "delete": "-"}
_STYLES = {"create": "green", "update": "yellow", "replace": "red", "delete": "red"}
_IMPACT_STYLES = {impact: "bold red" if impact.needs_consent else "" for impact in Impact}


def plan_lines(plan: Plan) -> list[Line]:
    """The whole plan; what it says last is what it amounts to."""
    lines = [line(Span(f"Fleet {plan.fleet}, {source_words(plan.source)}", "bold")), *assumed_lines(plan), line()]
    lines += groups_lines(group(plan.changes))
    lines += diagnostics_lines(plan.diagnostics)
    if plan.diagnostics:
        lines.append(line())
    return [*lines, *retained_lines(plan), *summary_lines(plan)]


def retained_lines(plan: Plan) -> list[Line]:
    """What stays although nobody declares it, once and last: it is no change."""
    if not plan.retained:
        return []
    kept = [line(f"  {key.address} on {key.host}") for key in plan.retained]
    return [line(Span("Kept with its data, although nobody declares it:", "bold")), *kept, line()]


def assumed_lines(plan: Plan) -> list[Line]:
    """That nobody looked at the hosts, where nobody did."""
    if look := plan.source.look:
        return [line(Span(f"No host was looked at: {look_words(look)}.", "bold yellow"))]
    if not plan.source.base:
        return []
    text = f"No host was looked at: all is assumed to stand as commit {plan.source.base[:12]} declares it."
    return [line(Span(text, "bold yellow"))]


def look_words(look: Look, quoted: Callable[[str], str] = str) -> str:
    """When somebody else looked, for what, and whose word that is."""
    when = f"{_long(look.age)} ago" if look.age >= 0 else f"{_long(-look.age)} from now"
    time = f"{look.time[:16].replace('T', ' ')} UTC"
    by = f"signed by {quoted(look.signer)}" if look.signer else "no signature was checked"
    return f"this is what they showed {when} ({time}) for commit {quoted(look.commit[:12])}; {by}"


def _long(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size or (unit == "minute" and seconds >= size):
            return counted(seconds // size, unit)
    return counted(seconds, "second")


def source_words(source: Source) -> str:
    """Where the desired state was read."""
    if source.work_tree:
        return f"work tree on top of commit {source.commit[:12]}" if source.commit else "work tree without a commit"
    return f"commit {source.commit[:12]}"


def groups_lines(groups: Iterable[Group]) -> list[Line]:
    """Every resource; a refusal that several share is told once."""
    told: set[Refused] = set()
    lines: list[Line] = []
    for one in groups:
        lines += [*group_lines(one, told), line()]
        told |= {consent for consent in _held_back(one.change) if isinstance(consent, Refused)}
    return lines


def group_lines(one: Group, told: Collection[Refused] = ()) -> list[Line]:
    """One resource: what happens to it, why, field by field, and whether it may."""
    change = one.change
    lines = [_head(one)]
    for field in change.fields:
        lines += indented(_field_lines(change, field), 6)
    if change.disturbs:
        lines.append(line(f"      disturbs {', '.join(map(str, change.disturbs))}"))
    return [*lines, *indented(_consent(change, told), 6)]


def _head(one: Group) -> Line:
    change = one.change
    symbol = Span(f"{SYMBOLS[change.action]:>3} ", _STYLES[change.action])
    part = f"#{change.key.part}" if change.key.part else ""
    assumed = " (assumed)" if change.assumed else ""
    words = [Span(f"{change.key.address}{part}", "bold"), Span(f" on {', '.join(one.hosts)}{assumed}")]
    if change.impact != Impact.NONE:
        words.append(Span(f", {change.impact}", _IMPACT_STYLES[change.impact]))
    if change.reason:
        words.append(Span(f": {change.reason}"))
    if change.place:
        words.append(Span(f"  ({file_and_line(change.place)})", "dim"))
    return line(symbol, *words)


def file_and_line(place: Place) -> str:
    """Where something is declared; the column says nothing of a whole resource."""
    return str(Place(place.path, place.line))


def _field_lines(change: Change, field: FieldChange) -> list[Line]:
    """`path: before → after`; lists line by line; for what is made, its values alone."""
    if _just_made(change, field):
        if field.after in (None, ()):
            return []
        if not isinstance(field.after, tuple):
            assumed = [] if field.certain else [Span("  (assumed)", "dim")]
            return [line(f"{field.path}: {render(field.path, field.after)}", *assumed)]
    notes = "; ".join(_notes(change, field))
    suffix = Span(f"  ({notes})" if notes else "", "magenta" if field.origin == "drift" else "dim")
    if isinstance(field.before, tuple) or isinstance(field.after, tuple):
        return [line(f"{field.path}:", suffix), *indented(_list_lines(field), 2)]
    before, after = render(field.path, field.before), render(field.path, field.after)
    return [line(f"{field.path}: {before} → {after}", suffix)]


def _just_made(change: Change, field: FieldChange) -> bool:
    """Whether the field is one of something new, in whose place there was nothing to lose."""
    return change.action == "create" and not field.impact.needs_consent


def _list_lines(field: FieldChange) -> Iterator[Line]:
    before = field.before if isinstance(field.before, tuple) else ()
    after = field.after if isinstance(field.after, tuple) else ()
    for item in sorted({*before, *after}):
        if item not in after:
            yield line(Span(f"- {item}", "red"))
        elif item not in before:
            yield line(Span(f"+ {item}", "green"))
    kept = len(set(before) & set(after))
    if kept:
        yield line(Span(f"{kept} unchanged", "dim"))


def _notes(change: Change, field: FieldChange) -> Iterator[str]:
    if field.origin == "drift" and change.action != "create":
        yield "drift: changed outside of Git"
    if field.form == "running":
        yield "only in the running guest"
    if not _just_made(change, field) and (field.impact != change.impact or field.reason):
        yield f"{field.impact}: {field.reason}" if field.reason else str(field.impact)
    if not field.certain:
        yield f"not certain: {possible_words(field)}" if field.possible else "assumed"
    if _mixed(change) and not isinstance(field.consent, Granted):
        yield "waits" if isinstance(field.consent, Waiting) else "refused"


_WHEN = {
    "running": "if it runs",
    "stopped": "if it is stopped",
    "headroom": "if it was started with room for it",
}


def possible_words(field: FieldChange) -> str:
    """Each impact that a change may have, with its condition: `restart if it runs, none otherwise`."""
    return ", ".join(f"{each.impact} {_WHEN.get(each.when, 'otherwise')}" for each in field.possible)


def _held_back(change: Change) -> list[Waiting | Refused]:
    """What holds the change back, or parts of it; each reason once."""
    every = [change.consent, *(field.consent for field in change.fields)]
    return [consent for consent in dict.fromkeys(every) if not isinstance(consent, Granted)]


def _consent(change: Change, told: Collection[Refused]) -> list[Line]:
    held = _held_back(change)
    lines = [consent_line(Refused("for the same reason") if one in told else one) for one in held]
    if held and _mixed(change):
        lines.append(line("the other fields are not held up"))
    return lines


def consent_line(consent: Waiting | Refused) -> Line:
    """The words that would give consent, or why nothing would."""
    if isinstance(consent, Waiting):
        return line(Span("waits for consent: ", "bold yellow"), consent.words)
    return line(Span("refused: ", "bold red"), consent.why)


def _mixed(change: Change) -> bool:
    """Whether some fields of a change are carried out and others are not."""
    return len({isinstance(field.consent, Granted) for field in change.fields}) == 2


def summary_lines(plan: Plan) -> list[Line]:
    """What the plan amounts to, in objects; exact."""
    summary = summarise(plan)
    lines = []
    if plan.partial:
        text = "A host was not completely seen: nothing is planned there."
        lines.append(line(Span(text, "bold yellow")))
    if plan.empty and plan.partial:  # what there is to do on a host that nobody saw is not known
        elsewhere = [line(f"Nothing to do elsewhere{_as_desired(summary.unchanged)}.")] if summary.unchanged else []
        return [*lines, *elsewhere]
    if plan.empty:
        return [*lines, line(f"Nothing to do{_as_desired(summary.unchanged)}.")]
    return [*lines, line(_summary_words(summary)), *_held_back_words(plan, summary)]


def _summary_words(summary: Summary) -> str:
    actions = [(number, f"to {action}") for action in SYMBOLS if (number := getattr(summary, action))]
    words = ", ".join(f"{number} {what}" for number, what in actions)
    return f"Plan: {words}; {summary.unchanged} unchanged."


def _held_back_words(plan: Plan, summary: Summary) -> list[Line]:
    if not summary.waiting and not summary.refused:
        return []
    waiting, refused = summary.waiting, summary.refused
    words = [f"{waiting} {'waits' if waiting == 1 else 'wait'} for consent"] if waiting else []
    words += [f"{refused} {'is' if refused == 1 else 'are'} refused"] if refused else []
    return [line(f"Of these {' and '.join(words)}; apply would carry out {counted(carried_out(plan), 'change')}.")]


def _as_desired(number: int) -> str:
    return f": {counted(number, 'object')} {'is' if number == 1 else 'are'} as desired" if number else ""
