"""A plan against a published observation: what a pull request would do on the hosts as somebody saw them who may.

No host is reached, and no trusted configuration is read. A host that the observation lacks is new: it is assumed to
have nothing on it, and to be able to do what is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from reconciler import planning, published
from reconciler.assumed import assumed
from reconciler.comparison import SIMULATOR, drivers_of, missing_drivers
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, DiagnosticError, error, failed
from reconciler.installed import impacts
from reconciler.observation import Snapshot
from reconciler.plan import Change, Look, Plan, Source
from reconciler.published import Publication
from reconciler.published.redaction import UserData, user_data
from reconciler.publishing import Opened, from_file, from_git, opened, reference_name
from reconciler.reconcile import Loaded, Options, load
from reconciler.source import SourceError

IN_GIT = "git"
"""Stands for the fleet's own reference."""
OLD = 3600
"""Seconds after which an observation is called old."""
_AHEAD = 300
"""Seconds by which clocks may differ."""
_REFERENCE = re.compile(r"refs/[A-Za-z0-9._/+@-]{1,250}")


def plan_against(
    options: Options, where: str, *, signers: Path | None = None, signer: str = "", now: datetime | None = None
) -> Plan:
    """What would be done for the options' source on hosts as the observation shows them. `where` is a file, a reference
    (`refs/…`), or `git`. With `signers` it must be signed by one of these.

    Raises `DiagnosticError` when the source has errors or the observation cannot be used; `SourceError`.
    """
    loaded = load(options)
    if failed(loaded.diagnostics):
        raise DiagnosticError(*loaded.diagnostics)
    found = opened(_content(where, loaded), loaded.desired.fleet_id, signers, signer)
    time = datetime.fromisoformat(found.published.time)
    look = _look(found, round(((now or datetime.now(UTC)) - time).total_seconds()))
    declared, doubt = _user_data(options, found.published, loaded.desired)
    source = msgspec.structs.replace(loaded.tree.source, look=look)
    plan = against(loaded.desired, found.published, declared, source, options)
    told = (*loaded.diagnostics, *doubt, *_doubts(found.published, look), *plan.diagnostics)
    return msgspec.structs.replace(plan, diagnostics=told)


def against(
    desired: Desired,
    seen: Publication,
    declared: UserData,
    source: Source,
    options: Options = Options(),
) -> Plan:
    """The plan. `declared` has the user data that the observation's commit declares."""
    names = drivers_of(desired)
    shown = {each.host: each for each in published.snapshots(seen, declared)}
    new = {name: driver for name, driver in names.items() if name not in shown}
    hosts = [shown[name] for name in names if name in shown]
    drivers = new | {each.host: each.facts.driver if each.facts else names[each.host] for each in hosts}
    plan = planning.planned(
        desired,
        [*hosts, *assumed(_nothing(desired), new, desired)],
        {name: impacts(driver) for name, driver in drivers.items()},
        source,
        options.allow,
        options.targets,
        _unseen(seen, shown.values(), names),
    ).plan
    told = (*missing_drivers(drivers), *_new_hosts(new), *plan.diagnostics)
    return msgspec.structs.replace(plan, changes=tuple(_marked(plan, new)), diagnostics=told)


def _content(where: str, loaded: Loaded) -> bytes:
    if where == IN_GIT:
        return from_git(loaded.tree.repository, reference_name(loaded.desired.fleet_id))
    return from_git(loaded.tree.repository, where) if _REFERENCE.fullmatch(where) else from_file(Path(where))


def _look(found: Opened, age: int) -> Look:
    return Look(time=found.published.time, age=age, commit=found.published.commit, signer=found.signer)


def _user_data(options: Options, seen: Publication, desired: Desired) -> tuple[UserData, list[Diagnostic]]:
    """The user data that the observation's commit declares; that of the source, where the commit is not here."""
    try:
        return user_data(load(msgspec.structs.replace(options, rev=seen.commit)).desired), []
    except SourceError:
        detail = (
            f"The hosts were looked at for commit {seen.commit[:12]}, which this clone lacks. User data is not"
            " published: what that commit declares stands in for it. Here it is taken to be unchanged. Fetch the whole"
            " history."
        )
        return user_data(desired), [_warning("observation-commit", "commit of the observation is not here", detail)]


def _nothing(desired: Desired) -> Desired:
    return Desired(fleet=desired.fleet, resources={})


def _unseen(seen: Publication, shown: Iterable[Snapshot], declared: Iterable[str]) -> tuple[str, ...]:
    """Hosts that nobody looks at, and those that are no longer declared: what is on them stays. A simulated one is
    gone.
    """
    names = frozenset(declared)
    left = (each.host for each in shown if not (each.facts and each.facts.driver == SIMULATOR))
    return tuple(sorted({*left, *seen.undeclared} - names))


def _marked(plan: Plan, new: Iterable[str]) -> Iterator[Change]:
    """The changes, those on hosts that nobody has looked at marked."""
    hosts = frozenset(new)
    yield from (
        msgspec.structs.replace(change, assumed=True) if change.key.host in hosts else change for change in plan.changes
    )


def _new_hosts(new: Iterable[str]) -> list[Diagnostic]:
    detail = (
        "The observation does not have it. It was not reached: it is assumed to have nothing on it, and to be able to"
        " do whatever is asked."
    )
    return [_warning("host-assumed", f"host {name} was never looked at", detail) for name in sorted(new)]


def _doubts(seen: Publication, look: Look) -> Iterator[Diagnostic]:
    if look.age > OLD or look.age < -_AHEAD:
        when = f"from {look.time}" if look.age > 0 else f"from {look.time}, which is still to come"
        detail = f"It is {when}. What has happened on the hosts since is not in the plan. Publish a new one."
        yield _warning("observation-old", "observation is not of now", detail)
    if seen.tool != published.TOOL:
        detail = f"It was made by version {seen.tool}, and this is {published.TOOL}: they may see different fields."
        yield _warning("observation-version", "observation was made by another version", detail)


def _warning(code: str, summary: str, detail: str) -> Diagnostic:
    return msgspec.structs.replace(error(code, summary, detail), severity="warning")
