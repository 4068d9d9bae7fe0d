"""Two commits compared, with no hypervisor, no credentials and no trusted configuration: what a pull request changes.

Nothing is reached and nothing of the repository is run: both desired states are read as any other, and what the base
declares stands in for what the hosts show (`assumed`).
"""

from __future__ import annotations

import msgspec

from reconciler import planning
from reconciler.address import Address
from reconciler.assumed import assumed, marked
from reconciler.authority.policy import beyond_applied, owners_of
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic, DiagnosticError, error, failed
from reconciler.guard import Allow
from reconciler.installed import driver_names, impacts
from reconciler.plan import Plan, Source
from reconciler.reconcile import Loaded, Options, load

SIMULATOR = "simulator"
USUAL_DRIVER = "libvirt"
"""The driver of a host whose manifest names none: its name stands in the trusted configuration, which is not read."""
NO_FLEET = "no-fleet"


def compare(options: Options, base: str) -> Plan:
    """What would be done for the options' source on hosts that are as the commit `base` declares.

    What goes beyond a quota of the base, which the source raises itself, is an error of the plan. Raises
    `DiagnosticError` when one of the two has errors, and `SourceError` when there is none to read.
    """
    loaded = load(options)
    before = _base(load(msgspec.structs.replace(options, rev=base)), base)
    if failed(loaded.diagnostics):
        raise DiagnosticError(*loaded.diagnostics)
    _same_fleet(before.desired, loaded.desired)
    stood = before.desired if before.desired.fleet else Desired(fleet=loaded.desired.fleet, resources={})
    source = msgspec.structs.replace(loaded.tree.source, base=before.tree.source.commit)
    plan = between(stood, loaded.desired, source, options.allow, options.targets)
    beyond = beyond_applied(loaded.desired, owners_of(before.desired), source.base)
    return msgspec.structs.replace(plan, diagnostics=(*loaded.diagnostics, *beyond, *plan.diagnostics))


def between(
    before: Desired,
    after: Desired,
    source: Source,
    allow: Allow = Allow(),
    targets: frozenset[Address] = frozenset(),
) -> Plan:
    """The plan for `after` on hosts on which `before` was carried out; what follows from no manifest is marked. It may
    delete what `before` lets it.
    """
    hosts = drivers_of(after)
    snapshots = assumed(before, hosts, after)
    tables = {name: impacts(driver) for name, driver in hosts.items()}
    budget = before.fleet.spec.deletion_budget if before.fleet else None
    plan = planning.planned(after, snapshots, tables, source, allow, targets, _left(before, after), budget).plan
    plan = marked(plan, before, after, snapshots)
    return msgspec.structs.replace(plan, diagnostics=(*missing_drivers(hosts), *plan.diagnostics))


def _base(loaded: Loaded, base: str) -> Loaded:
    """The base, which must be free of mistakes; one without a fleet is a world with nothing in it."""
    mistakes = [each for each in loaded.diagnostics if each.severity == "error"]
    if not mistakes or all(each.code == NO_FLEET for each in mistakes):
        return loaded
    detail = f"What {base!r} declares cannot be understood, so that nothing can be compared with it. Name another one."
    raise DiagnosticError(error("base-invalid", "the base has mistakes of its own", detail), *mistakes)


def _same_fleet(before: Desired, after: Desired) -> None:
    if before.fleet_id and before.fleet_id != after.fleet_id:
        detail = (
            f"It was {before.fleet_id} and is {after.fleet_id}. The id is the fleet's identity on its hosts: with"
            " another one nothing that stands there is ours any more. Put the old one back."
        )
        raise DiagnosticError(error("fleet-id", "the fleet's id is not the one of the base", detail))


def drivers_of(desired: Desired) -> dict[str, str]:
    """Every declared host and its driver."""
    hosts = (each for address, each in desired.resources.items() if address.kind == "Host")
    return {each.address.name: each.spec.driver or USUAL_DRIVER for each in hosts}


def _left(before: Desired, after: Desired) -> tuple[str, ...]:
    """Hosts that are no longer declared, and on which things stay that nobody looks at. A simulated one is gone."""
    hosts = (each for address, each in before.resources.items() if address.kind == "Host")
    gone = (each for each in hosts if each.address not in after.resources and each.spec.driver != SIMULATOR)
    return tuple(sorted(each.address.name for each in gone))


def missing_drivers(hosts: dict[str, str]) -> list[Diagnostic]:
    """A driver that is not installed declares no impact, so that every change on its hosts would be refused."""
    missing = sorted(set(hosts.values()) - set(driver_names()))
    detail = "Changes on its hosts cannot be judged, and are shown as refused. Install it; it needs no hypervisor."
    return [error("no-driver", f"driver {name} is not installed", detail) for name in missing]
