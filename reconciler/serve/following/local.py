"""A branch of a repository on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.record.plumbing import RecordError
from reconciler.serve.following.branch import Tip
from reconciler.serve.following.reading import exact, rewound
from reconciler.serve.following.watch import watching
from reconciler.source import SourceError, open_repository


class LocalBranch:
    """Follows a branch where it is. Nothing is ever written here by following."""

    def __init__(self, repository: Path, branch: str) -> None:
        self.repository = repository
        self._name = f"refs/heads/{branch}"
        self._last = ""

    def look(self) -> Tip:
        """The commit that the branch points to now."""
        try:
            problem = self._look()
        except SourceError as failure:
            (problem,) = (f"{each.summary}: {each.detail}" for each in failure.diagnostics)
        except (RecordError, OSError) as failure:
            problem = f"The repository cannot be read: {failure}"
        return Tip(commit=self._last, problem=problem)

    def _look(self) -> str:
        found = exact(open_repository(self.repository), self._name)
        if found is None:
            return f"There is no {self._name}. What was deployed last stays; push the branch to go on."
        if found[1] != "commit":
            return f"{self._name} points to a {found[1]}, not to a commit. What was deployed last stays."
        self._last = found[0]
        return ""

    def rewound(self, before: str, tip: str) -> bool:
        """Whether `tip` does not come after `before`, or that cannot be told."""
        return rewound(self.repository, before, tip)

    @contextmanager
    def watching(self, hint: Callable[[], None]) -> Iterator[None]:
        """Call `hint` when the reference's file is written, as far as the kernel tells."""
        try:
            folder = Path(open_repository(self.repository).common_dir)
        except SourceError:  # nothing to watch; it is looked for again and again anyway
            yield
            return
        with watching(folder, self._name, hint):
            yield

    def share(self) -> str:
        """The record is where the branch is."""
        return ""
