"""A plan on what a controller last saw, as the next round would make it: with the same consent and bounds."""

from __future__ import annotations

import msgspec

from reconciler import published
from reconciler.desired import Desired
from reconciler.hosts import Reached
from reconciler.observation import Failed, Snapshot
from reconciler.plan import Plan
from reconciler.published.redaction import user_data
from reconciler.publishing import opened
from reconciler.reconcile import Around, Loaded, Options, decide, load
from reconciler.source import SourceError


def planned(loaded: Loaded, known: Around, options: Options, observation: bytes) -> Plan:
    """The plan for a commit on hosts as the observation shows them. Raises `DiagnosticError`."""
    seen = opened(observation, loaded.desired.fleet_id).published
    told = user_data(_looked_for(loaded, options, seen.commit))
    shown = {each.host: each for each in published.snapshots(seen, told)}
    reached = Reached(
        hosts=known.hosts,
        snapshots=[shown.get(host.name) or _unseen(host.name) for host in known.hosts],
        drivers={},
        diagnostics=known.diagnostics,
        undeclared=known.undeclared,
    )
    return decide(loaded, reached, options, known.judged).plan


def _looked_for(loaded: Loaded, options: Options, commit: str) -> Desired:
    """What the commit declares for which hosts were looked at: what guests were told is published by that alone."""
    try:
        return load(msgspec.structs.replace(options, rev=commit)).desired
    except SourceError:
        return loaded.desired


def _unseen(host: str) -> Snapshot:
    return Snapshot(host=host, status=Failed("the controller has not looked at it yet"))
