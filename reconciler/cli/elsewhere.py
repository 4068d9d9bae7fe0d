"""Where to ask and to look when it is not here: people sit in clones, and what deploys is another repository."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git import Repo


def origin(repo: Repo) -> str:
    """The remote that a clone comes from, by its name; empty when there is none, or it is not clear which one."""
    names = [remote.name for remote in repo.remotes]
    return "origin" if "origin" in names else names[0] if len(names) == 1 else ""


def pushed_to(repo: Repo) -> str:
    """The repository of this machine that a clone comes from; empty when it is none. Addresses of others are not told:
    they may have passwords in them.
    """
    name = origin(repo)
    url = repo.git.remote("get-url", name).strip().removeprefix("file://") if name else ""
    return url if url.startswith("/") and Path(url).is_dir() else ""


def records_elsewhere(repo: Repo) -> tuple[str, ...]:
    """What is said where nothing is recorded: clones have no records, which Git fetches when it is told to."""
    name = origin(repo)
    if not name:
        return ("Nothing was applied from this repository yet: a run is recorded in the one that it reads.",)
    both = " ".join(f"'{each}:{each}'" for each in ("refs/notes/reconciler/*", "refs/reconciler/*"))
    return (
        "This clone has no record: runs are recorded where one applies, or in the repository that a controller reads.",
        f"To look at what {name} has of them, where you do not apply what others commit:",
        f"  git fetch {shlex.quote(name)} {both}",
    )


def whom_to_ask(git_dir: Path) -> str:
    """What is said in a repository of which no controller listens: who works for it, or where one may listen."""
    from reconciler.hooks.installation import hooked
    from reconciler.hooks.worker import log_of
    from reconciler.source import open_repository

    here = shlex.quote(str(git_dir))
    if hook := hooked(git_dir):
        if "--socket" in hook:
            named = shlex.quote(hook[hook.index("--socket") + 1])
            return f"Its hooks ask elsewhere, so ask there, too: --socket {named}"
        log = log_of(git_dir)
        said = f"; the last one's log: {log}" if log.exists() else ""
        return (
            f"Each push to it starts a worker, which ends with its work{said}. What was done: reconciler history --repo"
            f" {here}\nA controller that stays, and tries again what failed: reconciler serve --repo {here}"
        )
    start = "Start one: reconciler serve. What was done so far: reconciler history"
    repo = open_repository(git_dir)
    if path := pushed_to(repo):
        return f"Where this clone comes from, one may listen: --repo {shlex.quote(path)}\n{start}"
    if name := origin(repo):
        return (
            f"This is a clone: ask where the controller runs, in the repository that it reads (here {name}).\n{start}"
        )
    return start
