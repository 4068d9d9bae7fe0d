"""`post-receive`: tell whoever pushed what becomes of it. The run is the controller's; leaving it ends nothing."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping, Sequence

from reconciler.hooks import worker
from reconciler.hooks.site import Site, told
from reconciler.hooks.updates import branch_of, deleted, name_of
from reconciler.report.exits import Exit
from reconciler.report.line import Line, line, paragraphs, sentence
from reconciler.report.screen import Screen
from reconciler.serve.controls import Update
from reconciler.serve.socket.client import HungUp, NoController, Silent, unstuck
from reconciler.serve.socket.peer import hinted, user_name
from reconciler.serve.socket.place import socket_of
from reconciler.serve.socket.protocol import End, Follow

_PATIENCE = 30.0
"""Seconds in which a controller that works has given a sign of life, or it is stopped or hangs."""
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
_NOBODY = "and nobody deploys it yet."
_LEFT = "and what is left to do waits for the next controller."
_UNKNOWN = "and what becomes of it cannot be told here:"


class Alone(Exception):
    """There is nobody to follow, or any more: `state` goes on from the branch having the commit, `lines` say why, and
    what is to be done.
    """

    def __init__(self, state: str, *lines: Line) -> None:
        super().__init__()
        self.state, self.lines = state, lines


def accepted(
    site: Site,
    updates: Sequence[Update],
    environment: Mapping[str, str],
    screen: Screen,
    patience: float = _PATIENCE,
    to_appear: float = _TO_APPEAR,
) -> Exit:
    """Follow what becomes of the branch that deploys, if the push moved it. The exit code changes nothing any more.
    `patience`: seconds without a sign of life; `to_appear`: those that a controller has to come back.
    """
    for update in updates:
        if branch_of(update) == site.deployment.branch and not deleted(update):
            question = Follow(commit=update.new, by=hinted(environment))
            return _accepted(_Following(site, question, screen, patience, to_appear), update)
    return Exit.OK


def _accepted(following: _Following, update: Update) -> Exit:
    site, screen = following.site, following.screen
    try:
        end = following.end()
    except Alone as alone:
        screen.warn([line(f"{name_of(update)} has the commit, {alone.state}"), *alone.lines])
        return Exit.ERROR
    except KeyboardInterrupt:
        screen.say("You no longer follow it; the run goes on.")
        return Exit.INTERRUPTED
    code = Exit(end.code)
    if code != Exit.OK:
        why = _MEANING.get(code, _FAILED)
        head = line(f"{name_of(update)} has the commit, and not all of it is done: {why} (exit code {code}).")
        screen.warn([head, *_how_it_goes_on(site, end)])
    return code


def _how_it_goes_on(site: Site, end: End) -> list[Line]:
    """Who tries again what failed. What is refused waits for a person, and the plan above says for what."""
    if not end.worker:
        return [line(f"  What the controller does about that: {_status(site)}")]
    if end.code == Exit.REFUSED:
        return []
    return [line("  Nobody tries that again unasked, as no controller stays here."), *_again(site)]


def _again(site: Site) -> list[Line]:
    """What has it tried again, for whoever may do that: as for `worker.start`."""
    command = worker.by_hand(site.deployment, site.socket)
    owner = site.repository.stat().st_uid
    if owner != os.geteuid():
        return [line(f"  {user_name(owner)}, whose repository it is, has to run: {command}")]
    head = (
        "  The next push does it, even of an empty commit (git commit --allow-empty). Where the repository is, so does:"
    )
    return [line(head), line(f"    {command}")]


class _Following:
    """Follows one commit, over several controllers where the first ones end before it is done."""

    def __init__(self, site: Site, question: Follow, screen: Screen, patience: float, to_appear: float) -> None:
        self.site, self.screen = site, screen
        self._question, self._patience, self._to_appear = question, patience, to_appear
        self._until, self._lost = time.monotonic() + to_appear, 0
        self._stopped = False
        self._started: worker.Worker | None = None

    def end(self) -> End:
        """Where nobody listens, or whoever did was ended, a worker is started and followed. Raises `Alone`."""
        while True:
            try:
                end = told(self.site, self._question, self.screen, self._patience)
                if end.message:
                    raise Alone(_UNKNOWN, line(f"  {sentence(end.message)}"), *_ask_later(self.site))
                if not end.stopped:
                    return end
                self._lose(stopped=True)
            except Silent as silent:
                raise Alone(_UNKNOWN, *_stuck(self.site, str(silent), silent.do)) from silent
            except HungUp:
                self._lose(stopped=False)
            except NoController as nobody:
                self._start(nobody)
            if time.monotonic() > self._until or self._lost > _MOST_LOST:
                raise Alone(_LEFT if self._lost else _NOBODY, *self._no_answer())
            time.sleep(_PAUSE)

    def _lose(self, *, stopped: bool) -> None:
        """The controller ended: another one may come, and has its time. Only one that nobody stopped is replaced."""
        self._until, self._lost = time.monotonic() + self._to_appear, self._lost + 1
        self._stopped, self._started = stopped, None
        ended = "" if stopped else "The controller ended before this did. "
        self.screen.say(f"{ended}Waiting for the next one.")

    def _start(self, nobody: NoController) -> None:
        """Start a worker that will listen soon, if that is for us to do. Raises `Alone`."""
        if nobody.forbidden:
            others = line("  Its owner sees what becomes of it.")
            raise Alone(_UNKNOWN, line(f"  {sentence(str(nobody))}"), others)
        if nobody.stuck:
            raise Alone(_UNKNOWN, *_stuck(self.site, str(nobody), unstuck()))
        owner = self.site.repository.stat().st_uid
        if self._stopped or (owner != os.geteuid() and self._lost):
            return
        if owner != os.geteuid():
            raise Alone(_NOBODY, *_not_ours(self.site, owner))
        if self._started is not None:
            if not self._started.ended:
                return
            if self._started.code not in _HARMLESS:
                raise Alone(_NOBODY, *self._no_answer())
        try:
            self._started = worker.start(self.site.deployment, self.site.socket)
        except OSError as problem:
            raise Alone(_NOBODY, line(f"  No controller can be started: {sentence(str(problem))}")) from problem

    def _no_answer(self) -> list[Line]:
        if self._started is None:
            why = "was told to end" if self._stopped else "has ended"
            nobody = line(f"  The controller {why}, and no other one has come within {self._to_appear:.0f} s.")
            return [nobody, *_again(self.site)]
        said = paragraphs(f"  {self._started.said}".replace("\n", "\n  ")) if self._started.said else []
        head = line("  The controller that was started for it ended, or does not listen. It said:")
        return [head, *said, line(f"  Its log is {self._started.log}")]


def _not_ours(site: Site, owner: int) -> list[Line]:
    command = f"reconciler serve --repo {site.repository}"
    return [line(f"  No controller runs, and the repository is {user_name(owner)}'s, who has to run: {command}")]


def _stuck(site: Site, why: str, do: str) -> list[Line]:
    return [line(f"  {sentence(why)}"), line(f"  For whoever runs it. {do}"), *_ask_later(site)]


def _ask_later(site: Site) -> list[Line]:
    return [line(f"  How it stands, once it answers: {_status(site)}")]


def _status(site: Site) -> str:
    words = ["reconciler", "status", "--repo", str(site.repository)]
    return shlex.join([*words, "--socket", str(site.socket)] if site.socket != socket_of(site.repository) else words)
