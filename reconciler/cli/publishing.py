"""`observe --publish`: what the hosts show, for those who may not look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.published import Publication
    from reconciler.reconcile import Around, Loaded, Options

IN_GIT = "git"


def publish(screen: Screen, where: str, key: Path | None, values: dict[str, Any]) -> Exit:
    """Look, and write down what may be known of it: into a file, or into the fleet's reference in the repository.

    Raises `DiagnosticError`, `SourceError`, and `OSError` when the file cannot be written.
    """
    from reconciler.diagnostic import DiagnosticError, error
    from reconciler.publishing import SigningError, sealed
    from reconciler.reconcile import around, load
    from reconciler.record import RecordError

    wanted = msgspec.structs.replace(options.round_options(**values), rev=values["rev"] or "HEAD")
    loaded = load(wanted)
    known = around(loaded, wanted)
    signing = key or _trusted_key(loaded, known)
    try:
        with screen.working("looking at the hosts"):
            published = _look(loaded, wanted)
        _keep(screen, where, loaded, published, sealed(published, signing))
    except (SigningError, RecordError) as problem:
        raise DiagnosticError(error("not-published", "observation could not be published", f"{problem}.")) from None
    if signing is None:
        screen.say("It is not signed. Name a key: --key, or `publish_key` in the trusted configuration.")
    if not published.complete:
        screen.say("A host was not completely seen.")
    return Exit.OK if published.complete else Exit.ERROR


def _trusted_key(loaded: Loaded, known: Around) -> Path | None:
    key = known.configuration.fleet(loaded.desired.fleet_id).controller.publish_key
    return Path(key) if key else None


def _look(loaded: Loaded, wanted: Options) -> Publication:
    from reconciler import record
    from reconciler.installed import impacts
    from reconciler.published import publication
    from reconciler.reconcile import connect

    with connect(loaded, wanted) as reached:
        return publication(
            loaded.desired,
            reached.snapshots,
            {host.name: impacts(host.driver) for host in reached.hosts},
            commit=loaded.tree.source.commit,
            applied=record.applied(loaded.tree.repository, loaded.desired.fleet_id),
            time=record.now(),
            undeclared=reached.undeclared,
        )


def _keep(screen: Screen, where: str, loaded: Loaded, published: Publication, data: bytes) -> None:
    from reconciler.cli.writing import write_whole
    from reconciler.publishing import to_git

    if where != IN_GIT:
        write_whole(Path(where), data)
        screen.say(f"Published: {where}")
        return
    name = to_git(loaded.tree.repository, published, data)
    screen.say(f"Published: {name}. For others: git push --force origin {name}")
