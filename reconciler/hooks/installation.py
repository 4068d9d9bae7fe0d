"""Putting the hooks into a bare repository: two small scripts that call this program, and nothing of anybody else's."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from reconciler import trust
from reconciler.diagnostic import DiagnosticError, error
from reconciler.hooks.site import USUAL_BRANCH
from reconciler.hooks.worker import without_git
from reconciler.serve.checking import Deployment
from reconciler.serve.socket.peer import user_name
from reconciler.treepath import flaw
from reconciler.trust.fields import FleetTrust

HOOKS = ("pre-receive", "post-receive")
MARK = "# Written by `reconciler hooks install`, which writes it anew when it is run again."
_OWN = ("local", "worktree")
"""Where Git's configuration of one repository stands."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hooks are now, which of them were `written` just now, which are somebody else's and are `calling` ours,
    and whether Git was told to look there.
    """

    folder: Path
    written: tuple[str, ...]
    calling: tuple[str, ...] = ()
    configured: bool


def settled(
    repository: Path, *, branch: str | None, path: str | None, config: Path | None, socket: Path | None
) -> tuple[Deployment, Path | None]:
    """What is deployed, and where the controller listens if that is not the usual place: as is said here, else as the
    trusted configuration says of this repository. Raises `DiagnosticError`.
    """
    if path and (why := flaw(path)):
        raise DiagnosticError(error("no-folder", "folder cannot be used", f"{path!r} {why}."))
    branch = _branch(branch)
    directory = _directory(repository)
    fleet = _section(directory, config)
    told = fleet.repository if fleet else None
    deployment = Deployment(
        repository=str(directory),
        branch=branch or (told.branch if told else USUAL_BRANCH),
        path=path if path is not None else (told.path if told else ""),
        config=str(config.absolute()) if config else "",
    )
    configured = Path(fleet.controller.socket) if fleet and fleet.controller.socket else None
    return deployment, socket.absolute() if socket else configured


def _directory(repository: Path) -> Path:
    found = _git(repository, "rev-parse", "--absolute-git-dir")
    if not found and (owner := repository.stat().st_uid) != os.geteuid() and (repository / "HEAD").exists():
        name, place = user_name(owner), shlex.quote(str(repository.absolute()))
        detail = (
            f"{repository} belongs to user {name}, and Git does nothing in what somebody else owns. Do it as that user:"
            f"\nsudo -u {name} reconciler hooks install {place}"
        )
        raise DiagnosticError(error("no-repository", "repository belongs to somebody else", detail))
    if not found:
        detail = f"{repository} is none that Git reads. Make one: git init --bare {shlex.quote(str(repository))}"
        raise DiagnosticError(error("no-repository", "not a Git repository", detail))
    return Path(found)


def _section(directory: Path, config: Path | None) -> FleetTrust | None:
    """What is trusted for the fleet whose repository this is."""
    fleets = trust.load(config).fleets.values()
    return next((each for each in fleets if each.repository and each.repository.url == str(directory)), None)


def install(deployment: Deployment, socket: Path | None) -> Installed:
    """Write both hooks. What is there as it should be stays as it is. Raises `DiagnosticError` when the repository is
    not bare, has hooks of somebody else, or shares them with other repositories; nothing is written then.
    """
    repository = Path(deployment.repository)
    _refuse_work_tree(repository)
    folder, configured = _folder(repository)
    try:
        foreign = [name for name in HOOKS if _is_foreign(folder / name)]
        calling = [name for name in foreign if _calls(folder / name, command(name, deployment, socket))]
        if len(calling) < len(foreign):
            others = [folder / name for name in foreign if name not in calling]
            raise _foreign(others, deployment, socket)
        folder.mkdir(exist_ok=True)
        ours = {name: script(name, deployment, socket) for name in HOOKS if name not in calling}
        written = [name for name, text in ours.items() if _write(folder / name, text)]
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    return Installed(folder=folder, written=tuple(written), calling=tuple(calling), configured=configured)


def _branch(name: str | None) -> str | None:
    """A branch as it is named, also in full. Raises `DiagnosticError` when Git has no such names."""
    if name is None:
        return None
    short = name.removeprefix("refs/heads/")
    if short.startswith("-") or _git(Path.cwd(), "check-ref-format", "--normalize", f"refs/heads/{short}") == "":
        raise DiagnosticError(error("no-branch", "branch cannot be used", f"{name!r} is no name of a branch."))
    return short


def remove(repository: Path) -> tuple[list[Path], list[Path]]:
    """Take our hooks away; which there were, and which of somebody else's call ours. Raises `DiagnosticError`."""
    folder, _ = _folder(_directory(repository))
    there = [path for name in HOOKS if (path := folder / name).is_file()]
    ours = [path for path in there if not _is_foreign(path)]
    try:
        for path in ours:
            path.unlink()
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    return ours, [path for path in there if path not in ours and _calls(path, f"hooks run {path.name}")]


def head_branch(repository: Path) -> str:
    """The branch that a repository's HEAD names, with which clones begin."""
    return _git(repository, "symbolic-ref", "--short", "HEAD")


def _is_foreign(path: Path) -> bool:
    return path.exists() and MARK not in path.read_text(errors="replace")


def _calls(path: Path, command_: str) -> bool:
    return command_ in path.read_text(errors="replace")


def _unwritable(folder: Path, problem: OSError) -> DiagnosticError:
    detail = f"{problem.filename or folder}: {problem.strerror or problem}. Git looks for hooks in {folder}."
    return DiagnosticError(error("hooks-not-written", "hooks cannot be written", detail))


def hooked(repository: Path) -> list[str]:
    """The command that our hook in a repository (its Git directory) runs once a push is accepted; empty when it is not
    there.
    """
    try:
        text = (_folder(repository)[0] / HOOKS[-1]).read_text(errors="replace")
        return shlex.split(text.splitlines()[-1]) if MARK in text else []
    except (DiagnosticError, OSError, ValueError):
        return []


def script(name: str, deployment: Deployment, socket: Path | None) -> str:
    """The hook as it is written: all that it needs to know stands in it, by absolute paths."""
    return f"#!/bin/sh\n{MARK}\nexec {command(name, deployment, socket)}\n"


def command(name: str, deployment: Deployment, socket: Path | None) -> str:
    """The command of a hook, for a shell. `-P`: nothing is imported from the repository, in which hooks are run."""
    words = [sys.executable, "-P", "-m", "reconciler", "hooks", "run", name, "--branch", deployment.branch]
    words += ["--path", deployment.path] if deployment.path else []
    words += ["--config", deployment.config] if deployment.config else []
    words += ["--socket", str(socket)] if socket else []
    return shlex.join(words)


def _refuse_work_tree(repository: Path) -> None:
    if _git(repository, "rev-parse", "--is-bare-repository") != "true":
        place = repository.parent if repository.name == ".git" else repository
        detail = (
            f"{place} has a work tree, whose branch Git does not let anybody push to. Make a bare one of it:\n"
            f"git clone --bare {shlex.quote(str(place))} fleet.git && reconciler hooks install fleet.git"
        )
        raise DiagnosticError(error("not-bare", "repository is not bare", detail))


def _folder(repository: Path) -> tuple[Path, bool]:
    """Where Git looks for the repository's hooks, and whether a setting says so. One that holds for other repositories
    as well is refused: they would deploy too.
    """
    scope, _, named = _git(repository, "config", "--show-scope", "--get", "core.hooksPath").partition("\t")
    if not scope:
        return repository / "hooks", False
    if scope not in _OWN:
        detail = (
            f"core.hooksPath of Git's {scope} configuration says {named}, whose hooks every repository runs. Give this"
            f" one its own folder: git -C {shlex.quote(str(repository))} config core.hooksPath hooks"
        )
        raise DiagnosticError(error("hooks-shared", "hooks are shared with other repositories", detail))
    return repository / _git(repository, "config", "--path", "--get", "core.hooksPath"), True


def _foreign(paths: list[Path], deployment: Deployment, socket: Path | None) -> DiagnosticError:
    calls = "\n".join(f"  {path.name}: {command(path.name, deployment, socket)}" for path in paths)
    names = ", ".join(map(str, paths))
    detail = (
        f"{names} is not ours, and is left as it is. Move it away, or call ours from it, with the standard input that"
        f" it got, and end with its exit code:\n{calls}"
    )
    return DiagnosticError(error("hook-exists", "repository has a hook already", detail))


def _write(path: Path, text: str) -> bool:
    """Put a hook in its place, whole; False when it is there already."""
    if path.exists() and path.read_text(errors="replace") == text and path.stat().st_mode & 0o111 == 0o111:
        return False
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.chmod(0o755)
    new.replace(path)
    return True


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(
        [shutil.which("git") or "git", "-C", str(repository), *words],
        capture_output=True,
        check=False,
        env=without_git(os.environ),
    )
    return done.stdout.decode(errors="surrogateescape").strip()
