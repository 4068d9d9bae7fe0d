"""What is said of a push, and whether it may pass: worked out in a child process, on objects not accepted yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from reconciler.comparison import compare
from reconciler.diagnostic import Diagnostic, DiagnosticError, Untrusted, failed, in_order
from reconciler.hooks.elsewhere import refuse_elsewhere
from reconciler.hooks.observed import planned
from reconciler.hooks.updates import branch_of, deleted, made, name_of
from reconciler.plan import Plan, Refused, Waiting
from reconciler.reconcile import Options, around, load
from reconciler.report.consenting import consenting_lines
from reconciler.report.diagnostics import diagnostics_lines
from reconciler.report.grouping import Group, group
from reconciler.report.line import Line, Span, counted, line, plain
from reconciler.report.plan_text import group_lines, plan_lines, summary_lines
from reconciler.serve.checking import Case, Deployment, Verdict
from reconciler.serve.controls import Update
from reconciler.serve.following.reading import comes_after, exact
from reconciler.source import open_repository

OURS = ("refs/reconciler/", "refs/notes/reconciler/")
"""References that only a controller writes: the record, and what is suspended."""
REPLACED = "refs/replace/"
"""References by which Git takes one object for another. One that leads to itself ends all use of the repository."""
_MOST_BRANCHES = 3
"""Branches of one push that do not deploy and are planned nevertheless."""
_MOST_MISTAKES = 10
_MOST_GROUPS = 10
_MOST_LINES = 60


class Finding(msgspec.Struct, frozen=True):
    """What is said, and whether the push may pass."""

    passed: bool
    lines: tuple[Line, ...] = ()


def answered(question: bytes) -> bytes:
    """The verdict on a case, both as they are sent."""
    found = check(msgspec.json.decode(question, type=Case))
    return msgspec.json.encode(Verdict(passed=found.passed, text=plain(found.lines)))


def check(case: Case) -> Finding:
    """Check every reference of a push; one that may not pass holds up all, as Git would have it."""
    found = [_checked(case, update) for update in case.updates if not _answers(case, update)]
    others = [update for update in case.updates if _answers(case, update)]
    found += [_answered(case, update) for update in others[:_MOST_BRANCHES]]
    if (more := len(others) - _MOST_BRANCHES) > 0:
        found.append(_passed(line(f"{counted(more, 'further branch', 'further branches')} not looked at.")))
    return Finding(all(each.passed for each in found), tuple(one for each in found for one in each.lines))


def _answers(case: Case, update: Update) -> bool:
    """Whether it is a branch that does not deploy: it is answered, and never rejected."""
    deploys = case.deployment.branch
    return branch_of(update) not in ("", deploys) and update.ref not in _mistakable(deploys) and not deleted(update)


def _mistakable(branch: str) -> tuple[str, ...]:
    """References that Git takes for a branch where one pushes to that: it asks for a name that means one only."""
    return (f"refs/tags/{branch}", *(f"refs/{place}refs/heads/{branch}" for place in ("", "heads/", "tags/")))


def _checked(case: Case, update: Update) -> Finding:
    deploys = case.deployment.branch
    if update.ref in _mistakable(deploys) and not deleted(update):
        why = f"it would be taken for the branch that deploys: nobody could push to {deploys} any more"
        return _rejected(update, why, "Give it another name.")
    # One of that very name would be in the way of ours; and in some file systems case makes no other name.
    if f"{update.ref}/".casefold().startswith(OURS):
        return _rejected(update, "it is written by the controller alone", "Leave it out of what is pushed.")
    if update.ref.casefold().startswith(REPLACED) and not deleted(update):
        return _rejected(update, "it would show another commit than the one that is deployed", "Leave it out.")
    if branch_of(update) != deploys:
        return Finding(True)
    if deleted(update):
        remedy = "To take everything away, run `reconciler destroy`; to deploy another branch, install the hooks anew."
        return _rejected(update, "the branch that deploys cannot be deleted", remedy)
    repo = open_repository(Path(case.deployment.repository))
    if not made(update) and not comes_after(repo, update.old, update.new):
        remedy = "Fetch, and merge or rebase onto it. To go back to an earlier state: git revert COMMIT, and push that."
        return _rejected(update, "it does not come after what is deployed", remedy)
    return _deploying(case, update)


def _deploying(case: Case, update: Update) -> Finding:
    """A commit of the branch that deploys: mistakes and what is refused reject it; what waits for consent is shown."""
    options = _options(case.deployment, update.new)
    try:
        loaded = load(options)
        if failed(loaded.diagnostics):
            return _mistaken(update, loaded.diagnostics)
        if case.trusted:
            refuse_elsewhere(loaded.desired, case.deployment)
        known = around(loaded, options) if case.trusted else None
        if known is not None and case.observation is not None:
            return _checked_plan(update, planned(loaded, known, options, case.observation))
    except Untrusted as refusal:
        return _mistaken(update, refusal.diagnostics, "it is not trusted")
    except DiagnosticError as problem:
        return _mistaken(update, problem.diagnostics)
    unseen = "The controller has not seen the hosts yet" if case.attended else "No controller answers"
    valid = f"{name_of(update)}: {counted(len(loaded.desired.resources), 'resource')}, no mistakes."
    return _passed(line(f"{valid} {unseen}: what it changes is planned when it is deployed."))


def _checked_plan(update: Update, plan: Plan) -> Finding:
    if failed(list(plan.diagnostics)) and not plan.partial:
        return _mistaken(update, plan.diagnostics)
    held = [each for each in group(plan.changes) if _consents(each, Refused)]
    if held:
        head = line(_is_rejected(update), ": hosts as they are do not allow it. Nothing changes.")
        return Finding(False, (head, line(), *_groups(held)))
    waiting = [each for each in group(plan.changes) if _consents(each, Waiting)]
    head = line(f"{name_of(update)} is accepted. On the hosts as they were last seen:")
    return _passed(head, *_groups(waiting), *summary_lines(plan), *consenting_lines(plan.changes))


def _consents(one: Group, kind: type) -> bool:
    return any(isinstance(each, kind) for each in (one.change.consent, *(each.consent for each in one.change.fields)))


def _groups(groups: Sequence[Group]) -> list[Line]:
    lines = [one for each in groups[:_MOST_GROUPS] for one in group_lines(each)]
    more = len(groups) - _MOST_GROUPS
    return [*lines, line(f"… and {more} more like these.")] if more > 0 else lines


def _mistaken(update: Update, diagnostics: Iterable[Diagnostic], why: str = "") -> Finding:
    errors = [each for each in in_order(list(diagnostics)) if each.severity == "error"]
    shown = diagnostics_lines(errors[:_MOST_MISTAKES])
    if (more := len(errors) - _MOST_MISTAKES) > 0:
        shown.append(line(f"And {counted(more, 'further error')}: `reconciler validate` tells them all."))
    head = line(_is_rejected(update), f": {why or counted(len(errors), 'mistake')}. Nothing changes.")
    return Finding(False, (head, line(), *shown))


def _rejected(update: Update, why: str, remedy: str) -> Finding:
    return Finding(False, (line(_is_rejected(update), f": {why}. Nothing changes."), line(f"  {remedy}")))


def _is_rejected(update: Update) -> Span:
    return Span(f"{name_of(update)} is rejected", "bold red")


def _answered(case: Case, update: Update) -> Finding:
    """A branch that does not deploy: what deploying it would do. It passes, whatever is said of it."""
    deploys = case.deployment.branch
    head = line(f"{name_of(update)} is not deployed; {deploys} is.")
    try:
        plan = _branch_plan(case, _options(case.deployment, update.new))
    except DiagnosticError as problem:
        return _passed(head, line(), *diagnostics_lines(problem.diagnostics[:_MOST_MISTAKES]))
    return _passed(head, line(), *_cut(plan_lines(plan))) if plan else _passed(head)


def _branch_plan(case: Case, options: Options) -> Plan | None:
    """On hosts as they were seen, or as the branch that deploys declares them; None where there is neither."""
    if case.observation is not None and case.trusted:
        loaded = load(options)
        return planned(loaded, around(loaded, options), options, case.observation)
    base = exact(open_repository(options.repo), f"refs/heads/{case.deployment.branch}")
    return compare(options, base[0]) if base else None


def _cut(lines: Sequence[Line]) -> Sequence[Line]:
    """No more lines than somebody reads while pushing: the first ones, and the last, which sum up."""
    if len(lines) <= _MOST_LINES:
        return lines
    left_out = line(f"… {len(lines) - _MOST_LINES} lines are left out here: `reconciler plan` shows all …")
    return [*lines[: _MOST_LINES - 5], left_out, *lines[-5:]]


def _passed(*lines: Line) -> Finding:
    return Finding(True, lines)


def _options(deployment: Deployment, commit: str) -> Options:
    config = Path(deployment.config) if deployment.config else None
    return Options(repo=Path(deployment.repository), path=deployment.path, rev=commit, config=config)
