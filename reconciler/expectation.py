"""`Step.expect`, honoured: what drivers ask before they change an object that they have just read again.

Stale plans, stale reads and resumption are this one question.
"""

from __future__ import annotations

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Observed, Wanted, digest
from reconciler.plan import Step


class Expectations:
    """Of the steps that one open driver carries out. A step that has begun meets its own half work when it is tried
    again, so it is remembered until it is over.
    """

    def __init__(self) -> None:
        self._begun: set[tuple[str, str | None]] = set()

    def check(self, step: Step, observed: Observed | None) -> None:
        """The object must be what was planned on, unless this step has begun. Raises `DriverError` (race)."""
        begun = (step.id, step.expect) in self._begun
        if not begun and (observed.digest() if observed else None) != step.expect:
            raise DriverError(ErrorClass.RACE, f"{step.key} is not what the plan was made for; plan again")
        self._begun.add((step.id, step.expect))

    def done(self, step: Step, observed: Observed | None) -> bool:
        """Whether a step finds, instead of what was planned on, all that it would make, as when that came about with
        another step of the same plan. Raises `DriverError` (race) at anything else.
        """
        moved = observed and observed.digest() != step.expect
        if moved and observed and step.wanted and _identical(step.wanted, observed) and _told(step, observed):
            return True
        self.check(step, observed)
        return False

    def over(self, step: Step) -> None:
        """The step has succeeded."""
        self._begun.discard((step.id, step.expect))


def _identical(wanted: Wanted, observed: Observed) -> bool:
    """Whether an object is what is wanted already, in each of its forms."""
    forms = [observed.stored] + ([observed.running] if observed.running else [])
    same = all(form.get(path, value) == value for form in forms for path, value in wanted.fields.items())
    whole = wanted.fields.keys() <= observed.stored.keys() and not observed.incomplete
    return same and whole and wanted.guards == observed.guards


def _told(step: Step, observed: Observed) -> bool:
    """Whether the object bears what an update would write on it beside its fields, and nothing else of ours."""
    fields = step.wanted.fields if step.wanted else {}
    applied = {path: digest(value) for path, value in fields.items() if path not in step.waiting}
    owned = {path: known for path, known in observed.owned.items() if path not in step.waiting}
    return step.expect is None or (observed.key == step.key and applied == owned)
