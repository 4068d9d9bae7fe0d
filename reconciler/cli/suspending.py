"""Suspending and resuming: by the controller where one runs, else in Git, where it finds it when it starts."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from reconciler.cli.asking import PATIENCE, answers, repository_here
from reconciler.cli.naming import address_of
from reconciler.diagnostic import DiagnosticError, error
from reconciler.report.line import Span, line
from reconciler.report.screen import Screen
from reconciler.serve.socket.peer import user_name

if TYPE_CHECKING:
    from git import Repo

_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and where."""

    verb: Literal["suspend", "resume", "accept"]
    what: str
    reason: str = ""
    repo: Path | None = None
    socket: Path | None = None
    path: str = ""


def is_commit(what: str) -> bool:
    """Whether that names a commit."""
    return _COMMIT.fullmatch(what) is not None


def meant(what: str, otherwise: str = "") -> str:
    """What is meant by what people write: `fleet`, or an address; `otherwise` says what else it could have been. Raises
    `click.BadParameter` (wrong usage).
    """
    from reconciler.serve.patience import suspension
    from reconciler.suggest import did_you_mean

    if what.lower() == suspension.FLEET:
        return suspension.FLEET
    if "/" not in what:
        maybe = did_you_mean(what, [suspension.FLEET])
        raise click.BadParameter(
            f"{what!r} is not `fleet`, nor an address (KIND/NAME or KIND/PROJECT/NAME){otherwise}.{maybe}"
        )
    try:
        return suspension.named(str(address_of(what)))
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def send(order: Order, screen: Screen) -> None:
    """Have it done. Raises `DiagnosticError` when that is refused."""
    from reconciler.record import whoever
    from reconciler.serve.socket.client import NoController
    from reconciler.serve.socket.protocol import Command, Text

    question = Command(verb=order.verb, what=order.what, by=whoever(), reason=order.reason)
    try:
        for answer in answers(question, order.repo, order.socket, PATIENCE):
            if isinstance(answer, Text) and answer.text:
                screen.say(answer.text)
    except DiagnosticError as problem:
        nobody = problem.__cause__
        if order.verb == "accept" and isinstance(nobody, NoController):
            raise _not_accepted(order, problem) from problem
        if order.verb == "accept" or not isinstance(nobody, NoController) or nobody.forbidden or nobody.stuck:
            raise
        said, unknown = _write(order)
        screen.say("No controller runs; it is written down in Git for the next one.", *said)
        if unknown:
            screen.warn([line(Span("warning", "yellow"), f": {unknown}")])
    screen.say(_DONE[order.verb].format(what=order.what))


_DONE = {
    "suspend": "{what} is left alone until: reconciler resume {what}",
    "resume": "{what} is taken up again.",
    "accept": "Commit {what} is deployed.",
}


def _not_accepted(order: Order, problem: DiagnosticError) -> DiagnosticError:
    """What to do with a commit of a branch that was taken back, where no controller can be asked."""
    (only,) = problem.diagnostics
    yourself = f"A controller that runs accepts commits. To apply it yourself: reconciler apply --rev {order.what}"
    detail = f"{only.detail}\n{yourself}"
    return DiagnosticError(msgspec.structs.replace(only, detail=detail))


def _write(order: Order) -> tuple[list[str], str]:
    """Write it down; what is to be said of that, and why it may be of no use (empty when it is)."""
    from reconciler.record import RecordError, now, whoever
    from reconciler.serve import kept
    from reconciler.serve.patience import suspension
    from reconciler.serve.telling.status import Suspension
    from reconciler.source import open_repository

    repo = open_repository(order.repo or repository_here())
    _refuse_root(repo)
    fleet_id = _fleet_id(repo, order)
    new = Suspension(what=order.what, by=whoever(), time=now(), reason=order.reason)
    try:
        if order.verb == "suspend":
            was = suspension.of(kept.suspensions(repo, fleet_id), new.what)
            kept.change(repo, fleet_id, lambda before: suspension.added(before, new))
            said = suspension.again(was, new)
            return [said] if said else [], _unknown(repo, fleet_id, order)
        _resume(repo, fleet_id, order.what)
        return [], ""
    except RecordError as problem:
        raise DiagnosticError(error("not-kept", "it could not be written down in Git", str(problem))) from problem


def _refuse_root(repo: Repo) -> None:
    """What root makes in the repository of somebody else, that one cannot write any more: Git makes folders there."""
    owner = Path(repo.git_dir).stat().st_uid
    if os.geteuid() == 0 != owner:
        detail = (
            f"{repo.git_dir} belongs to user {user_name(owner)}, whom folders that root makes in it would hinder. No"
            f" controller runs that could do it. As that user: sudo -u {user_name(owner)} reconciler …"
        )
        raise DiagnosticError(error("not-kept", "it could not be written down in Git", detail))


def _unknown(repo: Repo, fleet_id: str, order: Order) -> str:
    """Why a suspension would cover nothing, by the commit in force; where there is none, or it cannot be read, nobody
    knows.
    """
    from reconciler.reconcile import Options, load
    from reconciler.serve import kept
    from reconciler.serve.patience import suspension

    commit = kept.in_force(repo, fleet_id)
    try:
        loaded = load(Options(repo=Path(repo.git_dir), path=order.path, rev=commit)) if commit else None
    except DiagnosticError:
        return ""
    if loaded is None or loaded.desired.fleet_id != fleet_id:
        return ""
    why = suspension.unknown(order.what, loaded.desired.resources)
    return f"by commit {commit[:12]}, which is in force, {why}" if why else ""


def _resume(repo: Repo, fleet_id: str, what: str) -> None:
    from reconciler.record import RecordError
    from reconciler.serve import kept
    from reconciler.serve.patience import suspension

    try:
        known = kept.suspensions(repo, fleet_id)
    except RecordError:
        if what != suspension.FLEET:
            raise
        kept.forget(repo, fleet_id)
        return
    if not any(each.what == what for each in known):
        raise DiagnosticError(error("not-suspended", "that is not suspended", f"Nothing suspends {what}."))
    kept.change(repo, fleet_id, lambda before: suspension.removed(before, what))


def _fleet_id(repo: Repo, order: Order) -> str:
    """The fleet of which a commit was in force; before that, the one that HEAD declares."""
    from reconciler.reconcile import Options, load
    from reconciler.serve import kept

    known = kept.fleets(repo)
    if len(known) == 1:
        return known[0]
    loaded = load(Options(repo=Path(repo.git_dir), path=order.path, rev="HEAD"))
    if not loaded.desired.fleet_id:
        raise DiagnosticError(*loaded.diagnostics)
    return loaded.desired.fleet_id
