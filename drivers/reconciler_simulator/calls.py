"""How the driver makes a modifying call: announced, struck by faults, persisted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler_simulator.faults import Faults
from reconciler_simulator.hypervisor import Code, RefusalError
from reconciler_simulator.state import State
from reconciler_simulator.store import Store

P = ParamSpec("P")

CLASSES: dict[Code, ErrorClass] = {
    "exists": ErrorClass.EXISTS,
    "gone": ErrorClass.GONE,
    "in-use": ErrorClass.YOURS,
    "invalid": ErrorClass.RACE,
    "busy": ErrorClass.TRANSIENT,
    "failed": ErrorClass.YOURS,
}
"""Errors are classed here and nowhere else."""


class Calls:
    """The hypervisor, as one step of a plan has it in hand."""

    def __init__(self, store: Store, faults: Faults, progress: Progress) -> None:
        self._store = store
        self._faults = faults
        self.progress = progress

    def read(self) -> State:
        """What is there now."""
        return self._store.read()

    def make(
        self, call: Callable[Concatenate[State, str, P], None], target: str, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Make one call. When it returns, or is cut off after its effect, the effect is on the disk."""
        name = call.__name__
        self.progress.call(name, target)
        meant = self._faults.next_call(name, target)
        self._faults.strike("before", name, meant)
        with self._store.changing() as state:
            try:
                call(state, target, *args, **kwargs)
            except RefusalError as refusal:
                raise DriverError(CLASSES[refusal.code], str(refusal)) from None
            self._store.write(state)
            self._faults.strike("after-effect", name, meant)
        self._faults.strike("after", name, meant)
