"""What the kernel's tables say about groups and NICs.

A label says what chains should be; that they are is proved by making them anew and comparing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.address import Address
from reconciler.firewall.rule import in_order
from reconciler_libvirt.enforcement.allowance import line, members_of
from reconciler_libvirt.enforcement.confinement import (
    Entries,
    bridge_chains,
    bridge_entries,
    inet_chains,
    inet_entries,
)
from reconciler_libvirt.enforcement.labels import labelled_group, labelled_nic, labels
from reconciler_libvirt.enforcement.layout import Names, Tables, flaws, standing
from reconciler_libvirt.enforcement.ruleset import Chain, Ruleset, same, stem, targets, unrecognised
from reconciler_libvirt.enforcement.state import GroupState, NicFilter, NicState, TableState

_DIRECTIONS = {"ingress": "in", "egress": "out"}


def table_state(tables: Tables, names: Names) -> TableState:
    """All that both tables of a fleet enforce."""
    groups = _groups(tables, names)
    nics = _nics(tables, names)
    flaw = next(flaws(tables), "")
    states = {nic: _nic_state(tables, names, nic, groups, flaw) for nic in nics}
    return TableState(
        groups={
            address: _group_state(tables.inet, own, groups)
            for own, address in groups.items()
            if _stands(tables.inet, own)
        },
        nics={(nic.instance, nic.nic): state for nic, state in states.items()},
        stray=tuple(_strays(tables, {*groups, *(names.nic(nic.instance, nic.nic) for nic in nics)})),
    )


def _groups(tables: Tables, names: Names) -> dict[str, Address]:
    """Groups by stem. A label that stands under another group's stem is none."""
    read = {own: labelled_group(text) for own, text in labels(tables.inet).items()}
    return {own: address for own, address in read.items() if address and names.group(address) == own}


def _nics(tables: Tables, names: Names) -> list[NicFilter]:
    read = {own: labelled_nic(text) for own, text in labels(tables.inet).items()}
    return [nic for own, nic in read.items() if nic and names.nic(nic.instance, nic.nic) == own]


def _stands(inet: Ruleset, own: str) -> bool:
    """Whether there is more of a group than the sets that rules of others look into."""
    return any(f"{own}-{suffix}" in inet.chains for suffix in _DIRECTIONS.values())


def _group_state(inet: Ruleset, own: str, groups: Mapping[str, Address]) -> GroupState:
    addresses = {other: str(address) for other, address in groups.items()}
    lines = [
        line(direction, rule, addresses)
        for direction, suffix in _DIRECTIONS.items()
        for rule in inet.chains.get(f"{own}-{suffix}", Chain()).rules
    ]
    members = [
        *_members(inet, members_of(own, "IPv4"), "ipv4_addr"),
        *_members(inet, members_of(own, "IPv6"), "ipv6_addr"),
    ]
    return GroupState(rules=tuple(sorted(lines)), members=in_order(members))


def _members(inet: Ruleset, name: str, type_: str) -> Iterator[str]:
    found = inet.collections.get(name)
    if found is None or found.type != type_ or found.map or found.more:
        yield unrecognised(f"{name} is no set of {type_}")
    yield from inet.elements(name)


def _nic_state(tables: Tables, names: Names, nic: NicFilter, groups: Mapping[str, Address], flaw: str) -> NicState:
    own = names.nic(nic.instance, nic.nic)
    inward = tables.inet.chains.get(f"{own}-in", Chain())
    joined = tuple(groups[to] for to in dict.fromkeys(map(stem, targets(inward.rules))) if to in groups)
    nic = msgspec.structs.replace(nic, groups=joined)
    reason = flaw or next(_nic_flaws(tables, names, nic), "")
    return NicState(
        address=nic.address,
        mac=nic.mac,
        tap=nic.tap,
        gateway=nic.gateway,
        groups=tuple(sorted(joined)),
        intact=not reason,
        reason=reason,
    )


def _nic_flaws(tables: Tables, names: Names, nic: NicFilter) -> Iterator[str]:
    own = names.nic(nic.instance, nic.nic)
    yield from _differences(tables.inet, own, inet_chains(nic, names), inet_entries(nic, names))
    yield from _differences(tables.bridge, own, bridge_chains(nic, names), bridge_entries(nic, names))


def _differences(found: Ruleset, own: str, chains: Mapping[str, Chain], entries: Entries) -> Iterator[str]:
    for name, chain in chains.items():
        if not same(found.chains.get(name, Chain()).rules, chain.rules):
            yield f"chain {name} is not as we made it"
    for name, elements in entries.items():
        leading = {key: to for key, to in found.elements(name).items() if own in map(stem, targets(to))}
        if leading != elements:
            yield f"map {name} does not lead exactly {', '.join(elements)} to the filter"


def _strays(tables: Tables, known: set[str]) -> Iterator[str]:
    for family, ruleset in (("inet", tables.inet), ("bridge", tables.bridge)):
        for name in (*ruleset.chains, *ruleset.collections):
            if not standing(name) and stem(name) not in known:
                yield f"{family} {name}"
        for name, collection in ruleset.collections.items():
            if collection.map:
                for key, to in collection.elements.items():
                    if not known & set(map(stem, targets(to))):
                        yield f"{family} {name} {key}"
