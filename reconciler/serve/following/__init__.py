"""Following a branch: of a repository on this machine, or of one that is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.serve.following.branch import Follower, Tip
from reconciler.xdg import state_home

if TYPE_CHECKING:
    from reconciler.trust.fields import RepositoryTrust

__all__ = ["Follower", "Tip", "follower", "mirror_of"]


def follower(repository: RepositoryTrust, fleet_id: str) -> Follower:
    """What follows the branch that the trusted configuration names for a fleet."""
    if repository.url.startswith("/"):
        from reconciler.serve.following.local import LocalBranch

        return LocalBranch(Path(repository.url), repository.branch)
    from reconciler.serve.following.remote import RemoteBranch

    return RemoteBranch(repository, fleet_id, mirror_of(fleet_id))


def mirror_of(fleet_id: str) -> Path:
    """Where a repository that is fetched is kept."""
    return state_home() / "reconciler" / "mirrors" / f"{fleet_id}.git"
