"""`hooks`: deploy by `git push`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.hooks.site import Site


@click.group("hooks")
def command() -> None:
    """Deploy by `git push`: put the hooks into a bare repository that people push to.

    \b
      reconciler hooks install fleet.git
    """


def _deployment(function: Any) -> Any:
    for option in (
        click.option("--branch", metavar="BRANCH", help="The branch that deploys. By default main."),
        click.option("--path", metavar="FOLDER", help="The folder of the repository that is the fleet."),
        click.option(
            "--config",
            type=click.Path(dir_okay=False, path_type=Path),
            help="The trusted configuration. By default that of whoever owns the repository.",
        ),
        click.option(
            "--socket",
            type=click.Path(path_type=Path),
            help="Where the controller listens. By default in the repository: reconciler/serve.sock",
        ),
    ):
        function = option(function)
    return function


@command.command("install")
@click.argument("repository", metavar="REPOSITORY", type=click.Path(file_okay=False, exists=True, path_type=Path))
@_deployment
@options.talk
@click.pass_obj
def install(screen: Screen, /, repository: Path, **values: Any) -> Exit:
    """Put the hooks into a bare repository: a push to its branch deploys, and shows what becomes of it.

    May be run again at any time, also to change the branch. Hooks of anybody else are left as they are,
    and you are told how to call ours from them. The hooks hold no credentials: they ask the controller,
    which is `reconciler serve`, or a worker that is started for a push and ends with the work.

    \b
      git init --bare fleet.git
      reconciler hooks install fleet.git
      git push /path/to/fleet.git main
    """
    from reconciler.hooks.installation import install as put
    from reconciler.hooks.installation import settled

    deployment, socket = settled(repository, **values)
    done = put(deployment, socket)
    if done.configured:
        screen.say(f"core.hooksPath of the repository leads to {done.folder}: the hooks are there.")
    if done.written:
        screen.say(f"Written: {', '.join(str(done.folder / name) for name in done.written)}.")
    else:
        screen.say("The hooks are there already, as they should be.")
    screen.say(f"Whoever pushes to branch {deployment.branch} of {deployment.repository} now deploys it.")
    return Exit.OK


@command.group("run", hidden=True)
def run() -> None:
    """What the hooks call."""


@run.command("pre-receive")
@_deployment
@click.pass_obj
def pre_receive(screen: Screen, /, **values: Any) -> Exit:
    """Judge a push that is not accepted yet."""
    from reconciler.hooks.aliases import seen_through
    from reconciler.hooks.pre_receive import received
    from reconciler.hooks.updates import read

    site = _site(**values)
    return received(site, seen_through(site.repository, read(sys.stdin.buffer)), os.environ, screen)


@run.command("post-receive")
@_deployment
@click.pass_obj
def post_receive(screen: Screen, /, **values: Any) -> Exit:
    """Follow what becomes of a push."""
    from reconciler.hooks.aliases import seen_through
    from reconciler.hooks.post_receive import accepted
    from reconciler.hooks.updates import read

    site = _site(**values)
    return accepted(site, seen_through(site.repository, read(sys.stdin.buffer)), os.environ, screen)


def _site(branch: str | None, path: str | None, config: Path | None, socket: Path | None) -> Site:
    """Git runs hooks in its directory, and says in the environment which one it is."""
    from reconciler.hooks.site import USUAL_BRANCH, Site
    from reconciler.serve.checking import Deployment
    from reconciler.serve.socket.place import socket_of

    repository = Path(os.environ.get("GIT_DIR", "")).absolute()
    deployment = Deployment(
        repository=str(repository),
        branch=branch or USUAL_BRANCH,
        path=path or "",
        config=str(config.absolute()) if config else "",
    )
    return Site(deployment=deployment, socket=socket or socket_of(repository))
