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


def answers(
    question: Question, repo: Path | None, socket: Path | None, patience: float | None = PATIENCE
) -> Iterator[Answer]:
    """What the controller says, but for its last word. `patience` is how many seconds each answer may take; None is any
    number. Raises `DiagnosticError` when nobody answers, or the controller refuses.
    """
    from reconciler.diagnostic import DiagnosticError, error
    from reconciler.serve.socket.client import HungUp, NoController, Unclear, ask
    from reconciler.serve.socket.protocol import End

    try:
        for answer in ask(socket or usual_socket(repo), question, patience):
            if not isinstance(answer, End):
                yield answer
            elif answer.code:
                raise DiagnosticError(error("controller-refused", "controller does not do that", f"{answer.message}."))
    except (NoController, HungUp, Unclear) as problem:
        said = str(problem)
        detail = f"{said[:1].upper()}{said[1:]}.\nStart one: reconciler serve. What was done so far: reconciler history"
        raise DiagnosticError(error("no-controller", "no controller answers", detail)) from problem


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
