"""Asking a running controller, for commands: where it listens, and what is said when nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.naming import enclosing_repository

if TYPE_CHECKING:
    from reconciler.serve.socket.protocol import Answer, Question

PATIENCE = 10.0
"""Seconds in which a controller that runs has answered what it knows by heart."""
FOLLOWING = 30.0
"""Seconds in which one that is followed has said something, or given a sign of life."""


def where(function: Any) -> Any:
    """Options that say which controller is asked."""
    repo = click.option(
        "--repo",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        help="The Git repository that the controller reads. By default the one that contains the current folder.",
    )
    socket = click.option(
        "--socket",
        type=click.Path(path_type=Path),
        help="Where the controller listens. By default in the repository: reconciler/serve.sock",
    )
    return repo(socket(function))


def answers(question: Question, repo: Path | None, socket: Path | None, patience: float = PATIENCE) -> Iterator[Answer]:
    """What the controller says, but for its last word. `patience` is how many seconds each answer, or a sign of life,
    may take. Raises `DiagnosticError` when nobody answers, or the controller refuses.
    """
    from reconciler.diagnostic import DiagnosticError, error
    from reconciler.report.line import sentence
    from reconciler.serve.socket.client import HungUp, NoController, Unclear, ask
    from reconciler.serve.socket.protocol import End

    path = socket or usual_socket(repo)
    try:
        for answer in ask(path, question, patience):
            if not isinstance(answer, End):
                yield answer
            elif answer.code:
                raise DiagnosticError(
                    error("controller-refused", "controller does not do that", sentence(answer.message))
                )
    except (NoController, HungUp, Unclear) as problem:
        detail = "\n".join(filter(None, (sentence(str(problem)), _remedy(problem, path, repo))))
        forbidden = isinstance(problem, NoController) and problem.forbidden
        summary = "you may not ask the controller" if forbidden else "no controller answers"
        raise DiagnosticError(error("no-controller", summary, detail)) from problem


def _remedy(problem: Exception, socket: Path, repo: Path | None) -> str:
    from reconciler.cli.elsewhere import whom_to_ask
    from reconciler.serve.socket.client import NoController, Silent, Unclear, unstuck

    if isinstance(problem, Silent):
        return problem.do
    if isinstance(problem, Unclear):
        return ""
    if not isinstance(problem, NoController):
        return "Ask again: another one may have come."
    if problem.stuck:
        return unstuck()
    if problem.forbidden:
        return "Its own user, root and the group of its socket may ask it."
    git_dir = _git_dir(repo)
    if git_dir is None:
        return "Start one: reconciler serve"
    usual = usual_socket(git_dir) == socket.absolute()
    return whom_to_ask(git_dir) if usual else "It listens where `serve` was told to by --socket, or in its repository."


def _git_dir(repo: Path | None) -> Path | None:
    """The Git directory of the repository that is meant, if there is one."""
    from reconciler.source import SourceError, open_repository

    try:
        return Path(open_repository(repo or repository_here()).common_dir)
    except SourceError:
        return None


def usual_socket(repo: Path | None) -> Path:
    """Where the controller of a repository listens. Raises `SourceError` when it is none."""
    from reconciler.serve.socket.place import socket_of
    from reconciler.source import open_repository

    return socket_of(Path(open_repository(repo or repository_here()).common_dir))


def repository_here() -> Path:
    """The one that contains the current folder; a bare one is its own folder."""
    here = Path.cwd()
    bare = (folder for folder in (here, *here.parents) if (folder / "HEAD").is_file() and (folder / "objects").is_dir())
    found = enclosing_repository()
    return found if (found / ".git").exists() else next(bare, here)
