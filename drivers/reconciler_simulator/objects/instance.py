"""Instances, observed: a domain with its volumes and filters, or what is left of one."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.objects import Observed, Value
from reconciler.observation import Foreign
from reconciler_simulator import ownership, seed
from reconciler_simulator.model import State, Volume
from reconciler_simulator.objects import image
from reconciler_simulator.objects.instance_change import delete, ensure
from reconciler_simulator.objects.instance_fields import entries_of, fields_of, groups_of, needs_of, volume_fields
from reconciler_simulator.objects.security_group import table_of
from reconciler_simulator.ownership import Ledger
from reconciler_simulator.site import Site

__all__ = ["delete", "ensure", "observe"]


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The instances of which anything is there, and what is in our way."""
    verdicts = {n: ownership.judge(site, "Instance", n, d.uuid, d.metadata) for n, d in sorted(state.domains.items())}
    yield from (verdict for verdict in verdicts.values() if isinstance(verdict, Foreign))
    ledgers = {Address.parse(v.origin): v for v in verdicts.values() if isinstance(v, Ledger)}
    strange = list(_strange_volumes(site, state, ledgers))
    yield from strange
    for origin in ledgers:
        yield _whole(site, state, origin, ledgers[origin])
    for origin in sorted(_leftovers(site, state, {foreign.name for foreign in strange})):
        yield _leftover(site, state, origin)


def _whole(site: Site, state: State, origin: Address, ledger: Ledger) -> Observed:
    domain = state.domains[site.identity.name(origin)]
    power = "Running" if domain.running else "Stopped"
    stored: dict[str, Value] = {"powerState": power, **fields_of(site, state, origin, domain.stored)}
    return Observed(
        key=site.key(Address.parse(ledger.address)),
        origin=origin,
        uid=domain.uuid,
        stored=stored,
        running=fields_of(site, state, origin, domain.running) if domain.running else None,
        owned=ledger.owned,
        guards=ledger.guards,
        commit=ledger.commit,
        needs=needs_of(site, stored),
    )


def _leftover(site: Site, state: State, origin: Address) -> Observed:
    """Volumes or filters without a domain, as after a crash in the middle of a create or a delete."""
    stored = volume_fields(site, state, origin)
    for nic, (_, entry) in entries_of(site, state, origin).items():
        found: dict[str, Value] = {
            "mac": entry.mac,
            "address": entry.address,
            "securityGroups": groups_of(site, entry),
        }
        stored |= {f"nics.{nic}.{path}": value for path, value in found.items()}
    return Observed(
        key=site.key(origin),
        origin=origin,
        uid=site.identity.uuid(origin),
        stored=stored,
        needs=needs_of(site, stored),
        incomplete=True,
    )


def _leftovers(site: Site, state: State, strange: set[str]) -> set[Address]:
    table = table_of(site, state)
    origins = {part[0] for name in state.volumes if name not in strange and (part := _part(site, name))}
    for entry in table.nics.values() if table else ():
        if named := site.named("Instance", entry.domain):
            origins.add(named[0])
    return {origin for origin in origins if site.identity.name(origin) not in state.domains}


def _part(site: Site, name: str) -> tuple[Address, str] | None:
    """The instance and the part (`root`, `seed`) that a volume's name stands for."""
    match site.named("Instance", name):
        case (Address(project=str()) as origin, ("root" | "seed") as part):
            return origin, part
    return None


def _strange_volumes(site: Site, state: State, ledgers: dict[Address, Ledger]) -> Iterator[Foreign]:
    """Volumes that bear our prefix but cannot be ours. They have no metadata; what is in them must tell."""
    for name, volume in sorted(state.volumes.items()):
        part = _part(site, name)
        if part is None:
            if site.claims(name) and not image.read_name(site, name):
                yield Foreign("volume", name, "bears our prefix and is nothing that we make")
        elif not _made_by_us(site, volume, *part):
            address = Address.parse(ledgers[part[0]].address) if part[0] in ledgers else part[0]
            reason = "stands on no image of ours" if part[1] == "root" else "is no seed that we made"
            yield Foreign("volume", name, reason, site.key(address))


def _made_by_us(site: Site, volume: Volume, origin: Address, part: str) -> bool:
    if part == "seed":
        return seed.is_ours(volume, site.identity.uuid(origin))
    return volume.backing is not None and image.read_name(site, volume.backing) is not None
