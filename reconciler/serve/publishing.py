"""What a controller last saw of all hosts, as others may know it: handed out, and kept in Git where it is signed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reconciler.diagnostic import DiagnosticError
from reconciler.driver import HostConfig
from reconciler.installed import impacts
from reconciler.observation import Snapshot
from reconciler.published import Publication, publication
from reconciler.publishing import SigningError, sealed, to_git
from reconciler.reconcile import Loaded
from reconciler.record import RecordError, now
from reconciler.serve.telling.journal import Journal

if TYPE_CHECKING:
    from git import Repo


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at all hosts, each of which was completely seen."""

    loaded: Loaded
    snapshots: Sequence[Snapshot]
    hosts: Sequence[HostConfig]
    undeclared: Sequence[str]
    applied: str
    time: str


class Publisher:
    """Keeps the last look. What it costs to redact and to sign is spent when somebody asks, or beside the rounds."""

    def __init__(self, key: str, journal: Journal) -> None:
        self._key = Path(key) if key else None
        self._journal = journal
        self._seen: Seen | None = None
        self._busy: threading.Thread | None = None

    def keep(
        self,
        loaded: Loaded,
        snapshots: Sequence[Snapshot],
        hosts: Sequence[HostConfig],
        undeclared: Sequence[str],
        applied: str,
    ) -> None:
        """Keep a look, if it is one at all of them."""
        if snapshots and all(each.complete for each in snapshots):
            self._seen = Seen(
                loaded=loaded, snapshots=snapshots, hosts=hosts, undeclared=undeclared, applied=applied, time=now()
            )

    def latest(self) -> bytes | None:
        """The last look as it is published; None before there was one. May be asked by any thread."""
        seen = self._seen
        return None if seen is None else sealed(_published(seen), None)

    def publish(self, repo: Repo) -> None:
        """Keep the last look in Git, signed, where there is a key; beside all other work."""
        seen = self._seen
        if seen is not None and self._key and not (self._busy and self._busy.is_alive()):
            arguments = (repo, seen, self._key)
            self._busy = threading.Thread(target=self._publish, args=arguments, name="publish", daemon=True)
            self._busy.start()

    def _publish(self, repo: Repo, seen: Seen, key: Path) -> None:
        try:
            published = _published(seen)
            to_git(repo, published, sealed(published, key))
        except (SigningError, RecordError, DiagnosticError, OSError) as problem:
            self._journal.tell("NotPublished", f"what the hosts show is not published: {problem}", "warning")


def _published(seen: Seen) -> Publication:
    return publication(
        seen.loaded.desired,
        seen.snapshots,
        {host.name: impacts(host.driver) for host in seen.hosts},
        commit=seen.loaded.tree.source.commit,
        applied=seen.applied,
        time=seen.time,
        undeclared=seen.undeclared,
    )
