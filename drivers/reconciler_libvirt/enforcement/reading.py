"""What the kernel's tables say about groups and NICs.

A label says what chains should be; that they are is proved by making them anew and comparing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.firewall.rule import Direction, in_order
from reconciler_libvirt.enforcement.allowance import line, members_of
from reconciler_libvirt.enforcement.confinement import (
    bridge_chains,
    bridge_entries,
    inet_chains,
    inet_entries,
)
from reconciler_libvirt.enforcement.labels import labelled_group, labelled_nic, labels
from reconciler_libvirt.enforcement.layout import Names, Tables, flaws, standing
from reconciler_libvirt.enforcement.ruleset import Chain, Collection, Ruleset, same, stem, targets, unrecognised
from reconciler_libvirt.enforcement.state import GroupState, NicFilter, NicState, TableState

_DIRECTIONS: dict[Direction, str] = {"ingress": "in", "egress": "out"}
_WAYS = tuple(_DIRECTIONS.values())
_FAMILIES = {"IPv4": "ipv4_addr", "IPv6": "ipv6_addr"}


def table_state(tables: Tables, names: Names) -> TableState:
    """All that both tables of a fleet enforce."""
    return _Reading(tables, names).state()


class _Reading:
    """Both tables with what is looked up again and again. Groups and NICs are known by the stem of their chains."""

    def __init__(self, tables: Tables, names: Names) -> None:
        self._tables, self._names = tables, names
        texts = labels(tables.inet)
        groups = {own: labelled_group(text) for own, text in texts.items()}
        nics = {own: labelled_nic(text) for own, text in texts.items()}
        # A label under another's stem says nothing.
        told = {own: group for own, group in groups.items() if group and names.group(group[0]) == own}
        self._groups = {own: group for own, (group, _) in told.items()}
        self._notes = {own: note for own, (_, note) in told.items()}
        self._nics = {own: nic for own, nic in nics.items() if nic and names.nic(nic.instance, nic.nic) == own}
        self._texts = {own: str(group) for own, group in self._groups.items()}
        self._leading = _leading(tables)
        self._flaw = next(flaws(tables), "")

    def state(self) -> TableState:
        """All of it."""
        chains = self._tables.inet.chains
        standing_groups = {
            group: own for own, group in self._groups.items() if any(f"{own}-{way}" in chains for way in _WAYS)
        }
        return TableState(
            groups={group: self._group(own) for group, own in standing_groups.items()},
            nics={(nic.instance, nic.nic): self._nic(own, nic) for own, nic in self._nics.items()},
            stray=tuple(self._strays()),
        )

    def _group(self, own: str) -> GroupState:
        inet = self._tables.inet
        lines = [
            line(direction, rule, self._texts, self._names.group)
            for direction, way in _DIRECTIONS.items()
            for rule in inet.chains.get(f"{own}-{way}", Chain()).rules
        ]
        members = [
            member for family, type_ in _FAMILIES.items() for member in _members(inet, members_of(own, family), type_)
        ]
        return GroupState(rules=tuple(sorted(lines)), members=in_order(members), note=self._notes[own])

    def _nic(self, own: str, nic: NicFilter) -> NicState:
        inward = self._tables.inet.chains.get(f"{own}-in", Chain())
        stems = dict.fromkeys(map(stem, targets(inward.rules)))
        joined = tuple(self._groups[one] for one in stems if one in self._groups)
        reason = self._flaw or next(self._nic_flaws(own, msgspec.structs.replace(nic, groups=joined)), "")
        return NicState(
            address=nic.address,
            mac=nic.mac,
            tap=nic.tap,
            gateway=nic.gateway,
            address6=nic.address6,
            groups=tuple(sorted(joined)),
            intact=not reason,
            reason=reason,
        )

    def _nic_flaws(self, own: str, nic: NicFilter) -> Iterator[str]:
        for found, chains in (
            (self._tables.inet, inet_chains(nic, self._names)),
            (self._tables.bridge, bridge_chains(nic, self._names)),
        ):
            for name, chain in chains.items():
                if not same(found.chains.get(name, Chain()).rules, chain.rules):
                    yield f"chain {name} is not as we made it"
        for name, elements in {**inet_entries(nic, self._names), **bridge_entries(nic, self._names)}.items():
            if self._leading.get((name, own), {}) != elements:
                yield f"map {name} does not lead {', '.join(elements)}, and nothing else, to the filter"

    def _strays(self) -> Iterator[str]:
        known = self._groups.keys() | self._nics.keys()
        for family, ruleset in (("inet", self._tables.inet), ("bridge", self._tables.bridge)):
            for name in (*ruleset.chains, *ruleset.collections):
                if not standing(name) and stem(name) not in known:
                    yield f"{family} {name}"
        for (name, own), elements in self._leading.items():
            if own not in known:
                yield from (f"{name} {key}" for key in elements)


def _leading(tables: Tables) -> dict[tuple[str, str], dict[str, Any]]:
    """The elements of each verdict map that lead to the chains of each stem."""
    leading: dict[tuple[str, str], dict[str, Any]] = {}
    for name, collection in (*tables.inet.collections.items(), *tables.bridge.collections.items()):
        if collection.map:
            for key, to in collection.elements.items():
                own = stem(next(targets(to), ""))
                leading.setdefault((name, own), {})[key] = to
    return leading


def _members(inet: Ruleset, name: str, type_: str) -> Iterator[str]:
    found = inet.collections.get(name)
    if found is None or msgspec.structs.replace(found, elements={}) != Collection(type_):
        yield unrecognised(f"{name} is no set of {type_}")
    yield from inet.elements(name)
