"""Setting a controller up from options and the trusted configuration, and running it under signals."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from reconciler import duration, trust
from reconciler.cli.asking import repository_here
from reconciler.cli.exits import Exit
from reconciler.diagnostic import DiagnosticError, error
from reconciler.reconcile import Options, load
from reconciler.report.line import Span, line
from reconciler.report.screen import Screen
from reconciler.serve.checking import ChildChecker, Deployment
from reconciler.serve.controller import Controller
from reconciler.serve.following import follower
from reconciler.serve.service.surroundings import surrounded
from reconciler.serve.service.unit import unit
from reconciler.serve.settings import Settings
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.peer import user_name
from reconciler.serve.socket.place import Taken, Unsafe, folder_of, socket_of
from reconciler.serve.socket.server import listening
from reconciler.serve.telling.journal import Severity
from reconciler.serve.telling.log import Format
from reconciler.source import open_repository
from reconciler.trust import Trust
from reconciler.trust.fields import FleetTrust, RepositoryTrust

_ELSEWHERE = "Another place is named by --socket, or `controller.socket` of the trusted configuration."
_TO_LEAVE = 5.0
"""Seconds that another controller, which may be about to end, has to leave the socket."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; None where it leaves it to the trusted configuration."""

    repo: Path | None
    path: str
    config: Path | None
    fleet: str | None
    branch: str | None
    socket: Path | None
    until_idle: bool
    log_format: Format


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What is served: a controller, the section of its fleet, what is deployed, and where it listens."""

    controller: Controller
    section: FleetTrust
    deployment: Deployment
    socket: Path
    log_format: Format


def service(asked: Asked) -> Service:
    """Set the controller up. Raises `DiagnosticError` when it is not clear what it is to follow."""
    configuration = trust.load(asked.config)
    fleet_id, section, repository = _followed(asked, configuration)
    following = follower(repository, fleet_id)
    settings = Settings(
        branch=repository.branch,
        fleet_id=fleet_id,
        poll=duration.parse(repository.poll),
        resync=duration.parse(section.controller.resync),
        lease=duration.parse(section.controller.lease),
        until_idle=asked.until_idle,
        publish_key=section.controller.publish_key or "",
    )
    if not following.repository.exists():
        following.look()  # a mirror is made by the first look
    options = Options(repo=following.repository, path=repository.path, config=asked.config)
    git_dir = Path(open_repository(following.repository).common_dir).resolve()
    named = section.controller.socket
    return Service(
        controller=Controller(following, options, settings),
        section=section,
        deployment=Deployment(
            repository=str(git_dir),
            branch=repository.branch,
            path=repository.path,
            config=str(asked.config.resolve()) if asked.config else "",
        ),
        socket=asked.socket or (Path(named) if named else _usual_socket(git_dir)),
        log_format=asked.log_format,
    )


def _usual_socket(git_dir: Path) -> Path:
    usual = socket_of(git_dir)
    try:
        folder_of(git_dir)
    except OSError as problem:
        raise not_listening(usual, problem) from problem
    return usual


def unit_of(asked: Asked) -> str:
    """The systemd unit that runs what was asked. Raises `DiagnosticError` when it is not clear what that follows."""
    configuration = trust.load(asked.config)
    fleet_id, section, repository = _followed(asked, configuration)
    program = shutil.which("reconciler") or str(Path(sys.argv[0]).resolve())
    given = {
        "--config": configuration.path.resolve() if configuration.fleets else "",
        "--fleet": fleet_id,
        "--repo": repository.url if asked.repo or section.repository is None else "",
        "--path": asked.path,
        "--branch": asked.branch,
        "--socket": asked.socket and asked.socket.absolute(),
        "--log-format": asked.log_format if asked.log_format != "text" else "",
    }
    words = [word for name, value in given.items() if value for word in (name, str(value))]
    named = asked.socket or (Path(section.controller.socket) if section.controller.socket else None)
    here = [Path(repository.url)] if repository.url.startswith("/") else []
    return unit([program, "serve", *words], [*here, *([named.absolute().parent] if named else [])])


def _followed(asked: Asked, configuration: Trust) -> tuple[str, FleetTrust, RepositoryTrust]:
    """Which fleet is served, what is trusted for it, and what is followed. With --repo, that is followed; the section
    with that repository is the fleet's, else that of the fleet which its branch declares.
    """
    sections = {
        name: each
        for name, each in configuration.fleets.items()
        if name == asked.fleet or (asked.fleet is None and each.repository and _same(each.repository, asked))
    }
    if asked.fleet is not None and not sections:
        raise _unclear(f"{configuration.path} has no fleet {asked.fleet}.")
    if len(sections) > 1:
        raise _unclear(f"{configuration.path} has several: --fleet " + ", or --fleet ".join(sorted(sections)))
    fleet_id, section = next(iter(sections.items()), ("", FleetTrust()))
    repository = section.repository
    if repository is None or asked.repo is not None:
        here = asked.repo or repository_here()
        known = repository or RepositoryTrust(url="/")
        repository = msgspec.structs.replace(known, url=str(here.resolve()), path=asked.path or known.path)
        if not sections:  # which fleet is served is said by the first good commit; this is about how
            section = configuration.fleet(_declared(here, repository.path, asked.branch or repository.branch))
    return fleet_id, section, msgspec.structs.replace(repository, branch=asked.branch or repository.branch)


def _same(repository: RepositoryTrust, asked: Asked) -> bool:
    """Whether what is asked for is that repository, and that folder of it."""
    if asked.path not in ("", repository.path):
        return False
    if asked.repo is None:
        return True
    return repository.url.startswith("/") and Path(repository.url).resolve() == asked.repo.resolve()


def _declared(repo: Path, folder: str, branch: str) -> str:
    """The id of the fleet that a branch declares; empty where that cannot be told."""
    try:
        return load(Options(repo=repo, path=folder, rev=f"refs/heads/{branch}")).desired.fleet_id
    except DiagnosticError:
        return ""


def _unclear(detail: str) -> DiagnosticError:
    return DiagnosticError(error("no-fleet-to-serve", "it is not clear which fleet is served", detail))


def not_listening(socket: Path, problem: OSError) -> DiagnosticError:
    """Why nothing can listen there, and what to do."""
    folder = socket.absolute().parent
    if isinstance(problem, Unsafe):
        detail = str(problem)
    elif not folder.is_dir():
        make = f"install -d -m 0750 {shlex.quote(str(folder))}"
        detail = f"{socket}: there is no folder {folder}. Make it, for the group of those who may ask: {make}"
    elif problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        owner, us = user_name(folder.stat().st_uid), user_name(os.geteuid())
        detail = f"{socket}: {problem.strerror}. {folder} belongs to {owner}; {us} must be able to write it."
    else:
        detail = f"{socket}: {problem.strerror or problem}."
    return DiagnosticError(error("no-socket", "controller cannot listen", f"{detail}\n{_ELSEWHERE}"))


def serve(served: Service, screen: Screen) -> Exit:
    """Run the controller until a signal ends it: the first lets running steps finish, the second leaves at once."""
    controller = served.controller
    with ExitStack() as stack:
        stack.enter_context(_signals(controller))
        section = served.section.controller
        if controller.until_idle:  # it is there for one push, and not to be asked how it is
            section = msgspec.structs.replace(section, listen=None)
        least: Severity = "debug" if screen.verbose else "warning" if screen.quiet else "info"
        stack.enter_context(surrounded(controller, section, controller.pulse, screen.talk, served.log_format, least))
        checker = ChildChecker(served.deployment, attended=True)
        try:
            answering = Answering(controller, checker, worker=controller.until_idle)
            stack.enter_context(listening(served.socket, answering.answer, _TO_LEAVE, dead=controller.pulse.dead))
        except Taken as taken:
            screen.warn([line(Span("error", "bold red"), f": {taken}; `reconciler status` asks it")])
            return Exit.STALE
        except OSError as problem:
            raise not_listening(served.socket, problem) from problem
        return _run(controller)


@contextmanager
def _signals(controller: Controller) -> Iterator[None]:
    """While the context lasts, the first signal stops the controller, and the second ends the process."""
    stopping = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(Exit.INTERRUPTED)
        stopping.set()
        # A handler runs between any two instructions of this thread: what takes locks is done by another one.
        threading.Thread(target=controller.stop, daemon=True).start()

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(controller: Controller) -> Exit:
    """Let it work in a thread of its own: this one hears signals."""
    ended: list[Exit] = []
    working = threading.Thread(target=lambda: ended.append(controller.run()), name="controller", daemon=True)
    working.start()
    while working.is_alive():
        working.join(timeout=1.0)
    return ended[0] if ended else Exit.ERROR
