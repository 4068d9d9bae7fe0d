"""A plan as one comment of a pull request: the summary first, what opens and closes, then everything, folded.

It begins with a hidden mark, so that whoever posts it finds the comment of the last run and writes over it. It is cut
to what a forge takes, and says what was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.diagnostic import Diagnostic
from reconciler.impact import Impact
from reconciler.plan import Plan, Refused, Waiting
from reconciler.report.consenting import trailers
from reconciler.report.diagnostics import diagnostic_lines
from reconciler.report.filtering import filtering_lines
from reconciler.report.grouping import Group, group
from reconciler.report.harmless import code, fence, html_code
from reconciler.report.line import Line, counted, escape
from reconciler.report.plan_text import SYMBOLS, group_lines, look_words, summary_lines

MARK = "<!-- reconciler plan -->"
"""By this the comment is found again."""
MOST_CHARACTERS = 60_000
"""Of a whole comment: GitHub takes 65,536, and whoever posts it may add some."""
MOST_LINES = 120
"""Lines of one folded part."""
_SHARES = {"changes": 15_000, "filtering": 12_000, "diagnostics": 10_000, "kept": 4_000}
"""Characters that each part but the last may have; what one leaves over the last has too."""


def plan_markdown(plan: Plan) -> str:
    """The comment."""
    groups = group(plan.changes)
    parts = [
        _head(plan),
        _cut([_HEADER, *(_row(one) for one in groups)] if groups else [], _SHARES["changes"], "change", "\n"),
        _titled("How to consent", _consenting(plan)),
        _titled("What opens and closes", _cut(_filtering(plan), _SHARES["filtering"], "resource")),
        _titled("What else there is to say", _diagnostics(plan.diagnostics)),
        _titled("Left as it is", _cut(list(_kept(plan)), _SHARES["kept"], "resource", "\n")),
    ]
    text = "\n\n".join(part for part in parts if part)
    return text + _details(groups, MOST_CHARACTERS - len(text) - len(_ENDS))


def failure_markdown(diagnostics: Sequence[Diagnostic]) -> str:
    """The comment for what cannot be planned at all."""
    head = f"{MARK}\n### No plan: {counted(len(diagnostics), 'mistake')}"
    return "\n\n".join([head, _diagnostics(diagnostics)]) + "\n"


BAR = "\u00a6"
"""Stands for a `|` of data in a table, where a backslash before it would not reliably keep it from ending the cell."""
_HEADER = "| | resource | impact | where | |\n|---|---|---|---|---|"
_ENDS = "\n\n\n"


def _head(plan: Plan) -> str:
    summary = " ".join(_texts(summary_lines(plan)))
    lines = [MARK, f"### {summary}", "", f"Fleet {code(plan.fleet)}, {_source(plan)}."]
    if plan.source.look:
        lines.append(f"**No host was looked at**: {look_words(plan.source.look, code)}.")
    elif plan.source.base:
        base = code(plan.source.base[:12])
        lines.append(f"**No host was looked at**: all is assumed to stand as commit {base} declares it.")
    return "\n".join(lines)


def _source(plan: Plan) -> str:
    commit = code(plan.source.commit[:12]) if plan.source.commit else "no commit"
    return f"work tree on top of {commit}" if plan.source.work_tree else f"commit {commit}"


def _row(one: Group) -> str:
    change = one.change
    part = f"#{change.key.part}" if change.key.part else ""
    deleted = change.action == "delete" and change.impact is Impact.NONE
    impact = "**delete**" if deleted else f"**{change.impact}**" if change.impact.needs_consent else str(change.impact)
    unsure = "" if all(field.certain or not field.possible for field in change.fields) else " (at worst)"
    where = f"{code(', '.join(one.hosts))}{' (assumed)' if change.assumed else ''}"
    address = code(f"{change.key.address}{part}")
    cells = (code(SYMBOLS[change.action]), address, f"{impact}{unsure}", where, _consent(one))
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def _consent(one: Group) -> str:
    consent = one.change.consent
    if isinstance(consent, Waiting):
        return f"waits: {code(consent.words)}"
    return "**refused**" if isinstance(consent, Refused) else ""


def _consenting(plan: Plan) -> str:
    given, more = trailers(plan.changes)
    others = f", and so for the other {more}" if more else ""
    head = f"Whoever may consent writes it into the message of the merge, as its last paragraph{others}:"
    return f"{head}\n{fence(given)}" if given else ""


def _filtering(plan: Plan) -> list[str]:
    return [f"{code(address)}\n{fence(_few(lines))}" for address, lines in filtering_lines(plan)]


def _diagnostics(diagnostics: Sequence[Diagnostic]) -> str:
    blocks = [fence(_few(_texts(diagnostic_lines(each)))) for each in diagnostics]
    return _cut(blocks, _SHARES["diagnostics"], "message")


def _kept(plan: Plan) -> Iterable[str]:
    yield from (f"- {code(address)}: {code(why)}" for address, why in sorted(plan.held.items()))
    yield from (f"- {code(str(key))}: kept with its data, although nobody declares it" for key in plan.retained)


def _details(groups: Sequence[Group], room: int) -> str:
    """Every change, folded: one for each resource."""
    folded = _cut([_folded(one) for one in groups], room, "change")
    return f"\n\n{folded}\n" if folded else "\n"


def _folded(one: Group) -> str:
    head = f"{SYMBOLS[one.change.action]} {one.address}"
    body = fence(_few(_texts(group_lines(one))))
    return f"<details><summary>{html_code(head)}</summary>\n\n{body}\n\n</details>"


def _cut(blocks: Sequence[str], room: int, noun: str, between: str = "\n\n") -> str:
    """As many blocks as there is room for, and how many were left out."""
    taken: list[str] = []
    room -= 100  # for what is said of the rest
    for block in blocks:
        room -= len(block) + len(between)
        if room < 0:
            break
        taken.append(block)
    left = len(blocks) - len(taken)
    rest = f"*{counted(left, f'more {noun}')} left out here: there is no room.*" if left else ""
    return "\n\n".join(filter(None, [between.join(taken), rest]))


def _titled(title: str, text: str) -> str:
    return f"#### {title}\n\n{text}" if text else ""


def _few(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"… and {more} more lines"] if more > 0 else list(lines)


def _texts(lines: Iterable[Line]) -> list[str]:
    return ["".join(escape(span.text) for span in spans) for spans in lines]
