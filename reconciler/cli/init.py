"""`init`: a first fleet."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.diagnostic import DiagnosticError, error
from reconciler.report.screen import Screen


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@options.talk
@click.pass_obj
def command(screen: Screen, /, folder: Path) -> Exit:
    """Write a first fleet into DIR (by default here), in a Git repository of its own if DIR is in none.

    It has one instance on the simulator, an embedded make-believe host, so it needs no hypervisor and
    no configuration. A keypair is made in ~/.ssh; its private key stays there. Nothing is overwritten.

    \b
      reconciler init my-cloud
    """
    from reconciler.cli.first_fleet import first_fleet, fleet_name
    from reconciler.cli.writing import write_whole
    from reconciler.schema import schemas

    if shutil.which("git") is None:
        raise DiagnosticError(error("no-git", "git is missing", "Install Git: a fleet lives in a Git repository."))
    _refuse_to_overwrite(folder, first_fleet("fleet", "", "key", schemas()))
    public_key = _public_key(screen)
    name = fleet_name(folder.absolute().name)
    files = first_fleet(name, str(uuid.uuid4()), public_key, schemas())
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / path, data)
    made = _init_repository(folder)
    screen.say(f"Wrote fleet {name} into {folder}{', a new Git repository' if made else ''}. Next:")
    screen.say(*(f"  {text}" for text in _next_commands(folder)))
    return Exit.OK


def _refuse_to_overwrite(folder: Path, files: dict[str, bytes]) -> None:
    there = [path for path in files if (folder / path).exists() or (folder / path).is_symlink()]
    if there:
        names = ", ".join(there[:5]) + (" …" if len(there) > 5 else "")
        detail = f"{folder} has {names} already. Nothing was written; use an empty folder: reconciler init DIR"
        raise DiagnosticError(error("not-overwritten", "files would be overwritten", detail))


def _public_key(screen: Screen) -> str | None:
    from reconciler.cli.first_fleet import KEYPAIR
    from reconciler.cli.keys import can_generate, default_path, generate, public_path, read_public

    path = default_path(KEYPAIR)
    if path.exists() and public_path(path).exists():
        screen.say(f"Using your key {path}.")
        return read_public(path)
    if not can_generate():
        screen.say("ssh-keygen is missing, so the instance has no keypair. Install the OpenSSH client to make one.")
        return None
    key = generate(path, comment=KEYPAIR)
    screen.say(f"Made a key for you: {path}. It stays out of Git.")
    return key


def _init_repository(folder: Path) -> bool:
    """Make the folder a repository unless it is in one."""
    if _repository(folder):
        return False
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(folder)], check=True)  # noqa: S607 - whichever the user has
    return True


def _repository(folder: Path) -> Path | None:
    here = folder.absolute()
    return next((place for place in (here, *here.parents) if (place / ".git").exists()), None)


def _next_commands(folder: Path) -> list[str]:
    root = _repository(folder)
    inner = folder.resolve().relative_to(root.resolve()) if root else Path()
    path = "" if inner == Path() else f" --path {inner}"
    enter = [] if folder.resolve() == Path.cwd() else [f"cd {folder}"]
    return [*enter, 'git add . && git commit -m "First fleet"', f"reconciler plan{path}", f"reconciler apply{path}"]
