"""`post-receive`: tell whoever pushed what becomes of it. The run is the controller's; leaving it ends nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from reconciler.hooks import worker
from reconciler.hooks.site import Site, concluded, told
from reconciler.hooks.updates import branch_of, deleted, name_of
from reconciler.report.exits import Exit
from reconciler.report.line import Line, line, paragraphs
from reconciler.report.screen import Screen
from reconciler.serve.controls import Update
from reconciler.serve.socket.client import HungUp, NoController
from reconciler.serve.socket.peer import hinted, user_name
from reconciler.serve.socket.protocol import End, Follow

_TO_APPEAR = 30.0
"""Seconds that a controller has to listen, from when it was started, or when the last one hung up."""
_PAUSE = 0.05
_MOST_LOST = 3
"""Controllers that may end while they are followed."""
_HARMLESS = (Exit.OK, Exit.STALE)
"""How a worker ends that had nothing to do, or found another one at work."""
_MEANING = {
    Exit.STALE: "a host moved meanwhile, or is held by another run",
    Exit.REFUSED: "something is refused or left alone",
    Exit.INTERRUPTED: "it was interrupted",
}
_FAILED = "an error, a failed step, or a host that was not completely seen"


class Alone(Exception):  # noqa: N818 - it is no error of the program
    """There is no controller to follow; `lines` say what is to be done."""

    def __init__(self, *lines: Line) -> None:
        super().__init__()
        self.lines = lines


def accepted(site: Site, updates: Sequence[Update], environment: Mapping[str, str], screen: Screen) -> Exit:
    """Follow what becomes of the branch that deploys, if the push moved it. The exit code changes nothing any more."""
    for update in updates:
        if branch_of(update) == site.deployment.branch and not deleted(update):
            return _accepted(site, update, environment, screen)
    return Exit.OK


def _accepted(site: Site, update: Update, environment: Mapping[str, str], screen: Screen) -> Exit:
    try:
        end = _follow(site, Follow(commit=update.new, by=hinted(environment)), screen)
    except Alone as alone:
        screen.warn([line(f"{name_of(update)} has the commit, and nobody deploys it yet."), *alone.lines])
        return Exit.ERROR
    except KeyboardInterrupt:
        screen.say("You no longer follow it; the run goes on.")
        return Exit.INTERRUPTED
    code = concluded(end, screen)
    if code != Exit.OK:
        why = _MEANING.get(code, _FAILED)
        screen.warn([line(f"{name_of(update)} has the commit, and not all of it is done: {why} (exit code {code}).")])
    return code


def _follow(site: Site, question: Follow, screen: Screen) -> End:
    """Follow; where nobody listens, or whoever did has ended, start a worker and follow that. Raises `Alone`."""
    until, lost = time.monotonic() + _TO_APPEAR, 0
    started: worker.Worker | None = None
    while True:
        try:
            return told(site, question, screen)
        except HungUp:
            until, lost, started = time.monotonic() + _TO_APPEAR, lost + 1, None
            screen.say("The controller ended before this did; waiting for the next one.")
        except NoController as nobody:
            started = _awaited(site, nobody, started, patient=lost > 0)
        if time.monotonic() > until or lost > _MOST_LOST:
            raise Alone(*_no_answer(started))
        time.sleep(_PAUSE)


def _awaited(site: Site, nobody: NoController, started: worker.Worker | None, *, patient: bool) -> worker.Worker | None:
    """A worker that will listen soon, started if that is for us to do. `patient`: a controller was there just now, and
    may be back. Raises `Alone`.
    """
    if nobody.forbidden:
        raise Alone(line(f"  You may not ask the controller: {nobody}."), line("  Its owner sees what becomes of it."))
    owner = site.repository.stat().st_uid
    if owner != os.geteuid():
        if patient:
            return None
        raise Alone(*_not_ours(site, owner))
    if started is not None:
        if not started.ended:
            return started
        if started.code not in _HARMLESS:
            raise Alone(*_no_answer(started))
    return worker.start(site.deployment, site.socket)


def _not_ours(site: Site, owner: int) -> list[Line]:
    command = f"reconciler serve --repo {site.repository}"
    return [line(f"  No controller runs, and the repository is {user_name(owner)}'s, who has to run: {command}")]


def _no_answer(started: worker.Worker | None) -> list[Line]:
    if started is None:
        return [line("  No controller listens any more. Look at its log.")]
    said = paragraphs(f"  {started.said}".replace("\n", "\n  ")) if started.said else []
    head = line("  The controller that was started for it ended, or does not listen. It said:")
    return [head, *said, line(f"  Its log is {started.log}")]
