"""`pre-receive`: may the push be accepted? The controller checks it; without one only mistakes are looked for."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from reconciler.hooks.site import Site, concluded, say, told
from reconciler.report.exits import Exit
from reconciler.report.line import sentence
from reconciler.report.screen import Screen
from reconciler.serve.checking import ChildChecker
from reconciler.serve.controls import Push, Refusal, Update
from reconciler.serve.socket.client import HungUp, NoController, Silent
from reconciler.serve.socket.peer import hinted
from reconciler.serve.socket.protocol import Check, End

_PATIENCE = 30.0
"""Seconds in which a controller that checks a push has given a sign of life, or it is stopped or hangs."""
_LONGEST = 300.0
"""Seconds in which it has checked a push."""


def received(
    site: Site,
    updates: tuple[Update, ...],
    environment: Mapping[str, str],
    screen: Screen,
    patience: float = _PATIENCE,
) -> Exit:
    """Check a push that is not accepted yet; anything but `OK` rejects it."""
    push = Push(updates=updates, objects=environment.get("GIT_QUARANTINE_PATH", ""), by=hinted(environment))
    _let_read(site.repository, push.objects)
    try:
        end = told(site, Check(push=push), screen, patience, _LONGEST)
    except NoController as nobody:
        if nobody.forbidden:
            screen.say(sentence(str(nobody)))
        if nobody.stuck:
            screen.say(_given_up(nobody))
        end = _checked_here(site, push, screen)
    except HungUp as gone:
        if isinstance(gone, Silent):  # one that ended is no controller that answers, and that is said
            screen.say(_given_up(gone))
        end = _checked_here(site, push, screen)
    return concluded(end, screen)


def _given_up(why: Exception) -> str:
    return f"The controller is given up on: {why}. Without it only mistakes are looked for."


def _checked_here(site: Site, push: Push, screen: Screen) -> End:
    try:
        return End(code=ChildChecker(site.deployment, attended=False)(push, None, lambda text: say(text, screen)))
    except Refusal as refusal:
        return End(code=Exit.ERROR, message=str(refusal))


def _let_read(repository: Path, objects: str) -> None:
    """Let the push's objects be read by those who may read the repository's: Git makes their folder for whoever pushes
    alone, and the controller may be somebody else.
    """
    shared = stat.S_IMODE((repository / "objects").stat().st_mode) & (stat.S_IRGRP | stat.S_IXGRP)
    if not objects or not shared:
        return
    for path in (Path(objects), *Path(objects).rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | (shared if path.is_dir() else stat.S_IRGRP))
