"""Progress of an apply: a line per finished step; on a terminal also what runs right now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler.listener import Silent
from reconciler.plan import Outcome, Plan, Step
from reconciler.report.line import Line, Span, escape, line
from reconciler.report.outcome import DOING, names_of, outcome_lines, step_words
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


class Progress(Silent):
    """Tells on standard error what an apply does. Use it as a context: leaving it restores the terminal."""

    def __init__(self, plan: Plan, screen: Screen) -> None:
        self._screen = screen
        self._names = names_of(plan)
        self._total = len(plan.steps)
        self._done = 0
        self._running: dict[str, tuple[Step, float]] = {}
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self._screen.talk.colour and not self._screen.quiet and self._total:
            from rich.live import Live

            console = self._screen.talk.console
            self._live = Live(get_renderable=self._now, console=console, transient=True, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take what moves off the terminal."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def started(self, step: Step) -> None:
        """Remember since when it runs."""
        self._running[step.id] = (step, time.monotonic())

    def called(self, step: Step, name: str, target: str) -> None:
        """Shown when asked for (`--verbose`)."""
        if self._screen.verbose:
            self._say(line(Span(f"        call {name} {target} for {step_words(step)}", "dim")))

    def noted(self, step: Step, text: str) -> None:
        """Shown always: it says what is being waited for."""
        self._say(line(Span(f"        {step_words(step)}: {text}", "dim")))

    def finished(self, step: Step, outcome: Outcome) -> None:
        """One line, and why if it failed."""
        self._running.pop(step.id, None)
        self._done += 1
        count = Span(f"[{self._done}/{self._total}] ", "dim")
        first, *rest = outcome_lines(step, outcome, self._names)
        self._say((count, *first), *rest)

    def _say(self, *lines: Line) -> None:
        if not self._screen.quiet:
            self._screen.talk.write(lines)

    def _now(self) -> Text:
        from rich.text import Text

        now = time.monotonic()
        running = [f"{DOING[step.verb]} {step_words(step)} ({now - since:.0f}s)" for step, since in self._steps()]
        return Text(escape(f"{self._done}/{self._total} " + ", ".join(running)), style="dim", overflow="ellipsis")

    def _steps(self) -> list[tuple[Step, float]]:
        return sorted(self._running.copy().values(), key=lambda pair: pair[1])
