"""Instances, observed: a domain with its volumes and filters, or what is left of one."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address, ObjectKey
from reconciler.objects import Observed, Value
from reconciler.observation import Foreign
from reconciler_simulator import ownership, seed
from reconciler_simulator.model import Volume
from reconciler_simulator.objects import image, volume_marks
from reconciler_simulator.objects.instance_change import delete, ensure
from reconciler_simulator.objects.instance_fields import (
    entries_of,
    fields_of,
    groups_of,
    needs_of,
    root_name,
    seed_name,
    volume_fields,
    without_links,
)
from reconciler_simulator.ownership import Ledger
from reconciler_simulator.site import Site
from reconciler_simulator.state import State

__all__ = ["delete", "ensure", "look", "observe"]


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The instances of which anything is there, and what is in our way."""
    parts = {name: part for name in sorted(state.volumes) if (part := part_of(site, name))}
    yield from _no_parts(site, state, parts)
    filtered = {entry.domain for name, entry in state.filters.items() if name.startswith(f"{site.table}/")}
    origins = {origin for origin, _ in parts.values()}
    origins |= {named[0] for name in filtered if (named := site.named("Instance", name))}
    yield from _seen(site, state, sorted(state.domains), parts, origins)


def look(site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
    """What is there of one instance, or in its way."""
    domains = ownership.candidates(site, state.domains, key.address, origin)
    names = {root_name(site, origin): (origin, "root"), seed_name(site, origin): (origin, "seed")}
    parts = {name: part for name, part in names.items() if name in state.volumes}
    yield from _seen(site, state, list(domains), parts, {origin})


def _seen(
    site: Site, state: State, domains: list[str], parts: dict[str, tuple[Address, str]], origins: set[Address]
) -> Iterator[Observed | Foreign]:
    """What domains, and the volumes of instances, stand for; and what is left of `origins` that have no domain."""
    things = ((name, state.domains[name]) for name in domains)
    verdicts = [ownership.judge(site, "Instance", name, each.uuid, each.metadata) for name, each in things]
    yield from (verdict for verdict in verdicts if isinstance(verdict, Foreign))
    ledgers = {Address.parse(each.origin): each for each in verdicts if isinstance(each, Ledger)}
    strange = {name: part for name, part in parts.items() if not _made_by_us(site, state.volumes[name], *part)}
    for name, (origin, part) in strange.items():
        address = Address.parse(ledgers[origin].address) if origin in ledgers else origin
        reason = "stands on no image of ours" if part == "root" else "is no seed that we made"
        yield Foreign("volume", name, reason, site.key(address))
    for origin, ledger in ledgers.items():
        yield _whole(site, state, origin, ledger)
    ours = {part[0] for name, part in parts.items() if name not in strange}
    for origin in sorted(origins):
        left = origin in ours or entries_of(site, state, origin)
        if left and site.identity.name(origin) not in state.domains:
            yield _leftover(site, state, origin)


def _whole(site: Site, state: State, origin: Address, ledger: Ledger) -> Observed:
    domain = state.domains[site.identity.name(origin)]
    power = "Running" if domain.running else "Stopped"
    shown = fields_of(site, state, origin, domain.stored)
    running = domain.running
    if running and without_links(running) != without_links(domain.stored):
        live = fields_of(site, state, origin, running)
    else:
        live = shown  # whether links are up shows in the filters alone, which are those of what runs
    stored: dict[str, Value] = {"powerState": power, **shown}
    return Observed(
        key=site.key(Address.parse(ledger.address)),
        origin=origin,
        uid=domain.uuid,
        stored=stored,
        running=live if running else None,
        owned=ledger.owned,
        guards=ledger.guards,
        commit=ledger.commit,
        needs=needs_of(site, stored) if live is shown else _all(needs_of(site, stored), needs_of(site, live)),
        ended="" if running else domain.ended or "unknown",
    )


def _all(first: tuple[ObjectKey, ...], second: tuple[ObjectKey, ...]) -> tuple[ObjectKey, ...]:
    return tuple(sorted({*first, *second}))


def _leftover(site: Site, state: State, origin: Address) -> Observed:
    """Volumes or filters without a domain, as after a crash in the middle of a create or a delete."""
    stored = volume_fields(site, state, origin)
    for nic, (_, entry) in entries_of(site, state, origin).items():
        found: dict[str, Value] = {
            "mac": entry.mac,
            "address": entry.address,
            "securityGroups": groups_of(site, entry),
        }
        found |= {"address6": entry.address6} if entry.address6 else {}
        stored |= {f"nics.{nic}.{path}": value for path, value in found.items()}
    return Observed(
        key=site.key(origin),
        origin=origin,
        uid=site.identity.uuid(origin),
        stored=stored,
        needs=needs_of(site, stored),
        incomplete=True,
    )


def part_of(site: Site, name: str) -> tuple[Address, str] | None:
    """The instance and the part (`root`, `seed`) that a volume's name stands for."""
    match site.named("Instance", name):
        case (Address(project=str()) as origin, ("root" | "seed") as part):
            return origin, part
    return None


def _no_parts(site: Site, state: State, parts: dict[str, tuple[Address, str]]) -> Iterator[Foreign]:
    """Volumes that bear our prefix and are nothing that we make."""
    for name in sorted(state.volumes):
        known = name in parts or image.read_name(site, name) or volume_marks.is_ours(site, name)
        if not known and site.claims(name):
            yield Foreign("volume", name, "bears our prefix and is nothing that we make")


def _made_by_us(site: Site, volume: Volume, origin: Address, part: str) -> bool:
    """They have no metadata; what is in them must tell."""
    if part == "seed":
        return seed.is_ours(volume, site.identity.uuid(origin))
    return volume.backing is not None and image.read_name(site, volume.backing) is not None
