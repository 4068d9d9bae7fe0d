"""What has to be told beside the changes: what was not seen, what is held and why, what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.address import ObjectKey
from reconciler.diagnostic import Diagnostic, error, in_order
from reconciler.diff import Case
from reconciler.guard import Circumstances
from reconciler.guard.verdict import granted, granted_fields
from reconciler.observation import Failed, Partial
from reconciler.placement import Placement
from reconciler.planning.renames import renames
from reconciler.planning.scope import Scope
from reconciler.snapshots import Snapshots, sorted_foreign

MOST_NAMES = 10
"""Names in one message; more are counted."""


def notes(
    known: list[Diagnostic],
    placed: Placement,
    cases: Mapping[ObjectKey, Case],
    scope: Scope,
    around: Circumstances,
) -> tuple[Diagnostic, ...]:
    """All diagnostics of a plan, in order: those that are known already, and what the plan itself has to say."""
    found = [*known, *renames(cases.values())]
    found += [_unseen(host, placed, around.snapshots) for host in scope.unseen]
    found += _foreign(around.snapshots)
    found += _open(cases, scope, around.snapshots)
    found += _unknown_targets(scope)
    found += _idle_consents(cases, around)
    found += _lost_consents(scope, around)
    return tuple(in_order(found))


def _unseen(host: str, placed: Placement, seen: Snapshots) -> Diagnostic:
    there = {each.key.address for each in seen.objects.values() if each.key.host == host}
    waiting = [
        str(address)
        for address, at in sorted(placed.hosts.items())
        if at == host and address.kind == "Instance" and address not in there
    ]
    told = f" Not known to stand: {_names(waiting)}." if waiting else ""
    return error(
        "host-unseen",
        "a host was not completely seen",
        f"{host}: {_why(host, seen)}. Nothing is planned there until it is, and nothing of it is made elsewhere.{told}",
    )


def _why(host: str, seen: Snapshots) -> str:
    match seen.hosts[host].status if host in seen.hosts else None:
        case Failed(error=reason):
            return reason
        case Partial(gaps=gaps):
            return "; ".join(gaps)
        case _:
            return "it was not observed"


def _names(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _foreign(seen: Snapshots) -> Iterator[Diagnostic]:
    for host, snapshot in seen.hosts.items():
        for each in sorted_foreign(snapshot.foreign):
            detail = f"The {each.what} {each.name} on {host}: {each.reason}. It is left alone."
            yield _warning("foreign", "something in our way is not ours", detail)


def _open(cases: Mapping[ObjectKey, Case], scope: Scope, seen: Snapshots) -> Iterator[Diagnostic]:
    """Guests that run unfiltered and that this plan leaves so: what is held, or may not go, is not touched."""
    for key, each in sorted(seen.objects.items()):
        if key.address.kind != "Instance" or each.running is None or key.host not in scope.hosts:
            continue
        forms = (each.stored, each.running)
        paths = {path for form in forms for path in form if str(form[path]).startswith(("absent", "broken:"))}
        nics = {path.split(".")[1] for path in paths if path.startswith("nics.") and path.endswith(".filter")}
        case = cases.get(key)
        closed = case is not None and (granted(case) or any(field.path in paths for field in granted_fields(case)))
        if nics and not closed:
            detail = (
                f"{each.key.address} runs on {key.host} and nothing filters {_names(sorted(nics))}: whoever took that "
                "away laid it open, and this plan does not change the instance. Stop it there, or see to what it "
                "waits for."
            )
            yield error("guest-open", "a guest lies open", detail)


def _unknown_targets(scope: Scope) -> Iterator[Diagnostic]:
    for target in scope.unknown_targets:
        detail = f"{target} is neither declared nor there. Write an address as `get` shows it: Kind/project/name."
        yield error("unknown-target", "target does not exist", detail)


def _idle_consents(cases: Mapping[ObjectKey, Case], around: Circumstances) -> Iterator[Diagnostic]:
    changed = {case.change.key.address for case in cases.values()}
    for address in sorted(around.allow.own - changed):
        yield _warning("idle-consent", "consent allows nothing", f"No change of {address} is planned.")


def _lost_consents(scope: Scope, around: Circumstances) -> Iterator[Diagnostic]:
    """What commits consent to for what nothing is called. That nothing changes there need not be told: their words
    count until a run has no failures, and may be done in part by then.
    """
    for part, who in around.allow.given if not scope.unseen else ():
        for address in sorted(part.addresses - scope.known):
            detail = f"{who} consents to a change of {address}, which is neither declared nor there."
            yield _warning("idle-consent", "consent allows nothing", detail)


def _warning(code: str, summary: str, detail: str) -> Diagnostic:
    return msgspec.structs.replace(error(code, summary, detail), severity="warning")
