"""What a hook knows, and how it asks: the deployment, the socket, and the words that come from there."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from reconciler.report.exits import Exit
from reconciler.report.line import Span, escape, line
from reconciler.report.screen import Screen
from reconciler.serve.checking import Deployment
from reconciler.serve.socket.client import HungUp, Unclear, ask
from reconciler.serve.socket.protocol import End, Question, Text

USUAL_BRANCH = "main"
"""The branch that deploys where nobody says another one."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hook runs: what is deployed, and where its controller listens."""

    deployment: Deployment
    socket: Path

    @property
    def repository(self) -> Path:
        """The Git directory."""
        return Path(self.deployment.repository)


def told(
    site: Site, question: Question, screen: Screen, patience: float | None = None, longest: float = math.inf
) -> End:
    """Ask, and pass on what is said. Raises `NoController`, and `HungUp`: also after `patience` seconds without a sign
    of life, and `longest` without an end.
    """
    try:
        for answer in ask(site.socket, question, patience, longest):
            if isinstance(answer, Text):
                say(answer.text, screen)
            elif isinstance(answer, End):
                return answer
    except Unclear as unclear:
        return End(code=Exit.ERROR, message=str(unclear))
    raise HungUp("the controller ended before it had said everything")


def say(text: str, screen: Screen) -> None:
    """Pass text on as it comes. It goes to standard error: Git sends both streams to whoever pushes, in any order."""
    screen.talk.write_text("\n".join(escape(part) for part in text.split("\n")))


def concluded(end: End, screen: Screen) -> Exit:
    """The exit code; why, if there is something to say."""
    if end.message:
        screen.warn([line(Span("error", "bold red"), f": {end.message}")])
    return Exit(end.code)
