"""What follows a branch of a repository elsewhere, as tests need it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from reconciler import record
from reconciler.record.run import Run
from reconciler.serve.following.branch import Tip
from reconciler.serve.following.call import LIMITS
from reconciler.serve.following.remote import RemoteBranch
from reconciler.source import open_repository
from reconciler.trust.fields import RepositoryTrust
from tests.support.git_server import GitServer
from tests.support.repository import Repository

FLEET = "3f8a2b1c-0d4e-4f5a-9b6c-7d8e9f0a1b2c"


def follower(server: GitServer, tmp_path: Path, *, patience: float = 30, **more: object) -> RemoteBranch:
    """What follows `main` of the served repository."""
    limits = {name: more.pop(name) for name in tuple(more) if name in LIMITS.__struct_fields__}
    trust = msgspec.convert({"url": f"{server.url}/fleet/.git", **more}, RepositoryTrust)
    bounds = msgspec.structs.replace(LIMITS, **limits)
    return RemoteBranch(trust, FLEET, tmp_path / "state" / "mirror.git", limits=bounds, patience=patience)


def followed(
    repository: Repository, server: GitServer, tmp_path: Path, *, file: int = LIMITS.file
) -> tuple[str, RemoteBranch]:
    """A first commit, and what follows its branch and has seen it."""
    commit = repository.commit({"a.yaml": "a"})
    branch = follower(server, tmp_path, file=file)
    branch.look()
    return commit, branch


def problem(tip: Tip, commit: str = "") -> str:
    """Why a tip may be stale; the last commit is kept."""
    assert tip.commit == commit
    assert tip.problem
    return tip.problem


def noted(branch: RemoteBranch, commit: str) -> None:
    """Have a run of a commit on record, where it was fetched to."""
    run = Run(
        format_version=1,
        tool="test",
        time=record.now(),
        by="test@here",
        fleet="acme",
        fleet_id=FLEET,
        extent="whole",
        partial=False,
        summary={},
        steps=(),
    )
    record.write(open_repository(branch.repository), commit, run)
