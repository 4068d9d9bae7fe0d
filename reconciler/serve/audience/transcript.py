"""What is said of a commit, from its first round to the one that ends it: nothing is told twice."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec

from reconciler.plan import Plan
from reconciler.report.diagnostics import diagnostics_lines
from reconciler.report.grouping import group
from reconciler.report.line import Line, line, plain
from reconciler.report.plan_text import groups_lines, plan_lines, retained_lines, summary_lines

MOST_KEPT = 1 << 18
"""Characters of a round's text that are kept for whoever asks later; the first ones."""


class Transcript(io.StringIO):
    """What a round says, as a file that a screen can write to. One that goes on with what was said `before` of the same
    commit begins with that, for whoever comes late.
    """

    def __init__(self, commit: str, tell: Callable[[str], None], before: Transcript | None = None) -> None:
        super().__init__()
        self.commit = commit
        self.text: str = before.text if before else ""
        self._plan: Plan | None = before._plan if before else None
        self._told: set[str] = before._told if before else set()
        self._tell = tell

    def write(self, text: str) -> int:
        """Keep it, and pass it on. Raises nothing."""
        if len(self.text) < MOST_KEPT:
            self.text += text
        self._tell(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def planned(self, plan: Plan) -> list[Line]:
        """The plan, without what the plan before it has as well; what it amounts to is always said."""
        before, self._plan = self._plan, plan
        if before is None:
            return plan_lines(plan)
        known: set[object] = {*before.changes, *before.diagnostics}
        new = msgspec.structs.replace(
            plan,
            changes=tuple(each for each in plan.changes if each not in known),
            diagnostics=tuple(each for each in plan.diagnostics if each not in known),
            retained=plan.retained if plan.retained != before.retained else (),
        )
        diagnosed = [*diagnostics_lines(new.diagnostics), line()] if new.diagnostics else []
        return [*groups_lines(group(new.changes)), *diagnosed, *retained_lines(new), *summary_lines(plan)]

    def fresh(self, lines: list[Line]) -> list[Line]:
        """The lines, unless all of them were told before in this way."""
        told = [plain([each]) for each in lines]
        known = self._told.issuperset(told)
        self._told.update(told)
        return [] if known else lines
