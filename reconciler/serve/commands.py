"""What people tell a controller to do: to leave something alone, to take it up again, to deploy what is held."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.address import Address
from reconciler.record import RecordError
from reconciler.serve import kept
from reconciler.serve.controls import Refusal
from reconciler.serve.course import Course
from reconciler.serve.inbox import Inbox
from reconciler.serve.links import now
from reconciler.serve.loop import show_suspended
from reconciler.serve.patience import Patience, suspension
from reconciler.serve.runner import Runner
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.status import Suspension
from reconciler.source import SourceError

_SHORTEST = 7
"""Digits of a commit that have to be given."""


class Commands:
    """May be used from any thread."""

    def __init__(
        self,
        course: Course,
        runner: Runner,
        patience: Patience,
        inbox: Inbox,
        journal: Journal,
        conditions: Conditions,
    ) -> None:
        self._course, self._runner, self._patience = course, runner, patience
        self._inbox, self._journal, self._conditions = inbox, journal, conditions

    def suspend(self, what: str, by: str, reason: str) -> str:
        """Leave something alone until it is resumed; says so if it was suspended already. Raises `Refusal`."""
        new = Suspension(what=_named(what), by=by, time=now(), reason=reason)
        loaded = self._course.loaded
        known = {*loaded.desired.resources, *self._runner.shown.resources} if loaded else set()
        if loaded and (why := suspension.unknown(new.what, known)):
            raise Refusal(why)
        was: Suspension | None = None

        def with_it(before: kept.Suspensions) -> kept.Suspensions:
            nonlocal was
            was = suspension.of(before, new.what)
            return suspension.added(before, new)

        self._edit(with_it)
        if was is None or new.reason:
            self._journal.tell("Suspended", suspension.words(new), "warning")
        self._runner.interrupt()
        self._inbox.whole(f"{new.what} is suspended")
        return suspension.again(was, new)

    def resume(self, what: str, by: str) -> None:
        """Take up what was suspended, or given up. Raises `Refusal`."""
        name = _named(what)
        was = forgotten = bool(self._patience.unreadable) and name == suspension.FLEET

        def without(before: kept.Suspensions) -> kept.Suspensions:
            nonlocal was
            was = was or any(each.what == name for each in before)
            return suspension.removed(before, name)

        self._edit(without, forgetting=forgotten)
        fought = name != suspension.FLEET and self._patience.resume(Address.parse(name))
        if not (was or fought):
            raise Refusal(f"{name} is not suspended, and was not given up; `reconciler status` lists what is")
        self._journal.tell("Resumed", f"{name}, by {by}")
        self._inbox.whole(f"{name} is resumed")

    def accept(self, commit: str, by: str) -> None:
        """Deploy a commit although the branch was taken back. Raises `Refusal`."""
        held = [each for each, turned in self._course.turned.items() if turned.verdict == "held"]
        meant = next((each for each in held if each.startswith(commit) and len(commit) >= _SHORTEST), None)
        if meant is None:
            waits = f"{held[0][:12]} does" if held else "none does"
            raise Refusal(f"commit {commit} does not wait to be accepted; {waits}")
        self._course.accept(meant)
        self._journal.tell("Accepted", f"{meant[:12]}, by {by}", "warning", commit=meant)
        self._inbox.ask()

    def _edit(self, edit: Callable[[kept.Suspensions], kept.Suspensions], *, forgetting: bool = False) -> None:
        if not self._course.fleet_id:
            raise Refusal("no commit was in force yet, so that it is not known which fleet this is")
        try:
            if forgetting:
                kept.forget(self._course.repository, self._course.fleet_id)
            self._patience.suspensions = kept.change(self._course.repository, self._course.fleet_id, edit)
        except (RecordError, SourceError) as problem:
            raise Refusal(f"it cannot be kept in Git: {problem}") from problem
        self._patience.unreadable = ""
        show_suspended(self._patience, self._conditions)


def _named(what: str) -> str:
    try:
        return suspension.named(what)
    except ValueError as problem:
        raise Refusal(str(problem)) from None
