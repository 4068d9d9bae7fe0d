"""Following a branch: of a repository on this machine, or of one that is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.serve.following.branch import Follower, Tip

if TYPE_CHECKING:
    from reconciler.trust.configuration import RepositoryTrust

__all__ = ["Follower", "Tip", "follower"]


def follower(repository: RepositoryTrust) -> Follower:
    """What follows the branch that the trusted configuration names."""
    from reconciler.serve.following.local import LocalBranch

    return LocalBranch(Path(repository.url), repository.branch)
