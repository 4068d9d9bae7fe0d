"""Which commit wrote a line, as Git tells it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.record.plumbing import RecordError, git

if TYPE_CHECKING:
    from git import Repo


def written_by(repo: Repo, commit: str, path: str, line: int) -> str:
    """The commit that wrote a line of a file, as it stands in `commit`. Raises `RecordError`.

    `git blame` heeds a good deal of configuration (programs that make text of a file, commits to pass over, other names
    for authors), so it is given the objects of the repository and nothing else.
    """
    try:
        with _bare(repo) as environment:
            words = ["--porcelain", "--no-textconv", f"-L{line},{line}", commit, "--", path]
            answer = git(repo, "blame", *words, environment=environment)
    except OSError as problem:  # of the folder
        raise RecordError(str(problem)) from problem
    first = answer.partition(b" ")[0].decode(errors="replace")
    if len(first) != len(commit):
        raise RecordError(f"git blame told nothing of line {line} of {path}")
    return first


@contextmanager
def _bare(repo: Repo) -> Iterator[Mapping[str, str]]:
    """An empty repository, with the objects of this one for its own, as an environment for Git."""
    common = Path(repo.common_dir).absolute()
    with tempfile.TemporaryDirectory(prefix="reconciler-blame-", ignore_cleanup_errors=True) as folder:
        for name in ("objects", "refs"):
            (Path(folder) / name).mkdir()
        (Path(folder) / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        environment = {"GIT_DIR": folder, "GIT_WORK_TREE": folder, "GIT_OBJECT_DIRECTORY": str(common / "objects")}
        if (common / "shallow").exists():
            environment["GIT_SHALLOW_FILE"] = str(common / "shallow")
        yield environment
