"""Who hears what an apply does, and what drivers speak through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from reconciler.plan import Outcome, Step

_LOG = logging.getLogger(__name__)


class Listener(Protocol):
    """Hears what happens, one call at a time, from whatever thread. What it raises is logged and changes nothing."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def called(self, step: Step, name: str, target: str) -> None:
        """A modifying call of the driver is about to be made: these together are the call log of the run."""

    def noted(self, step: Step, text: str) -> None:
        """Something for people about a running step."""

    def finished(self, step: Step, outcome: Outcome) -> None:
        """What became of a step; also told of those that never started."""


class Silent:
    """A listener that hears nothing; listeners that care for some events only inherit from it."""

    def started(self, step: Step) -> None:
        """Ignore it."""

    def called(self, step: Step, name: str, target: str) -> None:
        """Ignore it."""

    def noted(self, step: Step, text: str) -> None:
        """Ignore it."""

    def finished(self, step: Step, outcome: Outcome) -> None:
        """Ignore it."""


class StepProgress:
    """Passes on what a driver tells, with the step that it tells it about."""

    def __init__(self, step: Step, listener: Listener) -> None:
        self._step, self._listener = step, listener

    def call(self, name: str, target: str) -> None:
        """A modifying call is about to be made."""
        self._listener.called(self._step, name, target)

    def note(self, text: str) -> None:
        """Something for people."""
        self._listener.noted(self._step, text)


class Calm:
    """Speaks to a listener from any thread, one call at a time; a listener that fails never fails a step."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._turn = threading.Lock()

    def started(self, step: Step) -> None:
        """A step begins."""
        self._tell(self._listener.started, step)

    def called(self, step: Step, name: str, target: str) -> None:
        """A modifying call is about to be made."""
        self._tell(self._listener.called, step, name, target)

    def noted(self, step: Step, text: str) -> None:
        """Something for people."""
        self._tell(self._listener.noted, step, text)

    def finished(self, step: Step, outcome: Outcome) -> None:
        """What became of a step."""
        self._tell(self._listener.finished, step, outcome)

    def _tell(self, method: Callable[..., None], *values: object) -> None:
        with self._turn:
            try:
                method(*values)
            except Exception:
                _LOG.debug("a listener failed", exc_info=True)
