"""`hooks`: deploy by `git push`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.hooks.site import Site
    from reconciler.serve.controls import Update


@click.group("hooks")
def command() -> None:
    """Deploy by `git push`: put the hooks into a bare repository that people push to, or take them away.

    \b
      reconciler hooks install fleet.git
      reconciler hooks uninstall fleet.git
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


_repository = click.argument(
    "repository", metavar="REPOSITORY", type=click.Path(file_okay=False, exists=True, path_type=Path)
)


@command.command("install")
@_repository
@_deployment
@options.talk
@click.pass_obj
def install(screen: Screen, /, repository: Path, **values: Any) -> Exit:
    """Put the hooks into a bare repository: a push to its branch deploys, and shows what becomes of it.

    May be run again at any time, also to change the branch. Hooks of anybody else are left as they are,
    and you are told how to call ours from them. The hooks hold no credentials: they ask the controller,
    which is `reconciler serve`, or a worker that is started for a push and ends with the work.

    \b
      git init --bare --initial-branch=main fleet.git
      reconciler hooks install fleet.git
      git push /path/to/fleet.git main
    """
    from reconciler.hooks.installation import head_branch, settled
    from reconciler.hooks.installation import install as put

    deployment, socket = settled(repository, **values)
    done = put(deployment, socket)
    if done.configured:
        screen.say(f"core.hooksPath of the repository leads to {done.folder}: the hooks are there.")
    if done.calling:
        screen.say(f"Not ours, and they call ours: {', '.join(str(done.folder / name) for name in done.calling)}.")
    if done.written:
        screen.say(f"Written: {', '.join(str(done.folder / name) for name in done.written)}.")
    else:
        screen.say("The hooks are there already, as they should be.")
    branch, where = deployment.branch, deployment.repository
    screen.say(f"Whoever pushes to branch {branch} of {where} now deploys it.")
    if (other := head_branch(Path(where))) not in ("", branch):
        screen.say(
            f"Its HEAD names branch {other}, which does not deploy: clones begin with that one. To deploy it: --branch"
            f" {shlex.quote(other)}. To have clones begin with the other one:",
            f"  git -C {shlex.quote(where)} symbolic-ref HEAD refs/heads/{shlex.quote(branch)}",
        )
    return Exit.OK


@command.command("uninstall")
@_repository
@options.talk
@click.pass_obj
def uninstall(screen: Screen, /, repository: Path) -> Exit:
    """Take our hooks away: pushes deploy no longer. Hooks of anybody else stay, and so does all that stands.

    A controller that runs goes on, and a worker ends with its work.

    \b
      reconciler hooks uninstall fleet.git
    """
    from reconciler.hooks.installation import remove

    removed, calling = remove(repository)
    screen.say(f"Removed: {', '.join(map(str, removed))}." if removed else "There are no hooks of ours.")
    if calling:
        screen.say(f"Not ours, and they call ours: {', '.join(map(str, calling))}. Take that out of them.")
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

    site = _site(**values)
    return received(site, seen_through(site.repository, _updates()), os.environ, screen)


@run.command("post-receive")
@_deployment
@click.pass_obj
def post_receive(screen: Screen, /, **values: Any) -> Exit:
    """Follow what becomes of a push."""
    from reconciler.hooks.aliases import seen_through
    from reconciler.hooks.post_receive import accepted

    site = _site(**values)
    return accepted(site, seen_through(site.repository, _updates()), os.environ, screen)


def _updates() -> tuple[Update, ...]:
    """What Git tells its hooks on standard input."""
    from reconciler.hooks.updates import NotGit, read

    try:
        return read(sys.stdin.buffer)
    except NotGit as problem:
        raise click.ClickException(f"{problem}.") from None


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
