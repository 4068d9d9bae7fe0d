"""What a fleet's tables should hold after a step: values in, values out.

Each function returns tables that differ from those given where its object stands, and where something stood in the
way; the transaction is no more than the difference.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.firewall.rule import Ethertype, parse
from reconciler_libvirt.enforcement.allowance import expression, members_of
from reconciler_libvirt.enforcement.confinement import (
    Entries,
    bridge_chains,
    bridge_entries,
    inet_chains,
    inet_entries,
)
from reconciler_libvirt.enforcement.labels import group_label, labelled, labels, nic_label
from reconciler_libvirt.enforcement.layout import Names, Tables, grounded, standing
from reconciler_libvirt.enforcement.ruleset import Chain, Collection, Ruleset, normal, stem, targets
from reconciler_libvirt.enforcement.state import GroupState, NicFilter

_SETS: dict[Ethertype, str] = {"IPv4": "ipv4_addr", "IPv6": "ipv6_addr"}


def with_group(tables: Tables, names: Names, address: Address, group: GroupState) -> Tables:
    """The group with exactly these rules and members. Groups that its rules name get their (empty) sets."""
    tables = grounded(tables, names)
    wanted = [parse(rule) for rule in group.rules]
    inet = labelled(tables.inet, names.group(address), group_label(address, group.note))
    for named in sorted({str(address), *(rule.group for rule in wanted if rule.group)}):
        inet = _with_sets(_introduced(inet, names.group(named), named), names.group(named))
    for direction, suffix in (("ingress", "in"), ("egress", "out")):
        allowed = [rule for rule in wanted if rule.direction == direction]
        chain = Chain(tuple(expression(rule, names.group) for rule in allowed))
        inet = inet.with_chains({f"{names.group(address)}-{suffix}": chain})
    return _swept(Tables(_with_members(inet, names.group(address), group.members), tables.bridge))


def without_group(tables: Tables, names: Names, address: Address) -> Tables:
    """The group gone: no chains, no members. Its sets stay, empty, for as long as rules of others look into them."""
    doomed = names.group(address)
    kept = {name: chain for name, chain in tables.inet.chains.items() if not _is_chain_of(name, doomed)}
    users = {name for name, chain in kept.items() if any(_is_chain_of(to, doomed) for to in targets(chain.rules))}
    if users:
        told = sorted({labels(tables.inet).get(stem(name), name).partition(" ")[0] for name in users})
        raise DriverError(ErrorClass.RACE, f"{address} cannot be removed: {', '.join(told)} is still in it")
    inet = Ruleset(kept, tables.inet.collections, tables.inet.other)
    if members_of(doomed, "IPv4") in inet.collections:
        inet = _with_members(inet, doomed, ())
    return _swept(Tables(inet, tables.bridge))


def with_nic(tables: Tables, names: Names, nic: NicFilter) -> Tables:
    """The NIC confined as `nic` says, and no longer as it was before."""
    for group in nic.groups:
        if not {f"{names.group(group)}-in", f"{names.group(group)}-out"} <= set(tables.inet.chains):
            raise _refused(nic, f"{group} is not on the host yet; a NIC is filtered by all of its groups or not at all")
    own = names.nic(nic.instance, nic.nic)
    tables = grounded(Tables(_unlinked(tables.inet, own), _unlinked(tables.bridge, own)), names)
    inet = labelled(tables.inet, own, nic_label(nic)).with_chains(inet_chains(nic, names))
    bridge = tables.bridge.with_chains(bridge_chains(nic, names))
    return _swept(
        Tables(_linked(inet, inet_entries(nic, names), nic), _linked(bridge, bridge_entries(nic, names), nic))
    )


def without_nic(tables: Tables, names: Names, instance: Address, nic: str) -> Tables:
    """The NIC no longer confined."""
    own = names.nic(instance, nic)
    inet, bridge = (_without_chains(_unlinked(part, own), own) for part in (tables.inet, tables.bridge))
    return _swept(Tables(inet, bridge))


def _is_chain_of(name: str, group: str) -> bool:
    return not name.startswith("@") and stem(name) == group


def _refused(nic: NicFilter, why: str) -> DriverError:
    return DriverError(ErrorClass.RACE, f"{nic.instance}, NIC {nic.nic}: {why}")


def _introduced(inet: Ruleset, own: str, name: str) -> Ruleset:
    """With a label for a group that only rules name so far; a label that names it already is left as it is."""
    return inet if labels(inet).get(own, "").partition(" ")[0] == name else labelled(inet, own, name)


def _with_sets(inet: Ruleset, group: str) -> Ruleset:
    for family, type_ in _SETS.items():
        if members_of(group, family) not in inet.collections:
            inet = inet.with_collection(members_of(group, family), Collection(type_))
    return inet


def _with_members(inet: Ruleset, group: str, members: Iterable[str]) -> Ruleset:
    listed = sorted(map(normal, members))
    for family, type_ in _SETS.items():
        own = [text for text in listed if (":" in text) == (family == "IPv6")]
        inet = inet.with_collection(members_of(group, family), Collection(type_, "", dict.fromkeys(own, "")))
    return inet


def _linked(ruleset: Ruleset, entries: Entries, nic: NicFilter) -> Ruleset:
    for name, elements in entries.items():
        there = ruleset.elements(name)
        for key in elements.keys() & there.keys():
            raise _refused(nic, f"{key} leads to another NIC's filter ({', '.join(targets(there[key]))}) already")
        ruleset = ruleset.filled(name, there | elements)
    return ruleset


def _unlinked(ruleset: Ruleset, nic: str) -> Ruleset:
    for name, collection in ruleset.collections.items():
        kept = {key: to for key, to in collection.elements.items() if nic not in map(stem, targets(to))}
        ruleset = ruleset.filled(name, kept)
    return ruleset


def _without_chains(ruleset: Ruleset, nic: str) -> Ruleset:
    kept = {name: chain for name, chain in ruleset.chains.items() if stem(name) != nic}
    return Ruleset(kept, ruleset.collections, ruleset.other)


def _swept(tables: Tables) -> Tables:
    """Without what nothing uses and nobody claims; without tables when nothing is left but what always stands."""
    claimed = set(labels(tables.inet))
    inet, bridge = (_swept_table(part, claimed) for part in (tables.inet, tables.bridge))
    stems = {stem(name) for name in (*inet.chains, *inet.collections)}
    for key in claimed - stems:
        inet = labelled(inet, key, "")
    bare = all(standing(name) for part in (inet, bridge) for name in (*part.chains, *part.collections))
    return Tables() if bare else Tables(inet, bridge)


def _swept_table(ruleset: Ruleset, claimed: set[str]) -> Ruleset:
    """A claim keeps chains; sets are kept by chains of their own or by rules that look into them."""
    used = set(targets([chain.rules for chain in ruleset.chains.values()], _verdicts(ruleset)))
    chains = {
        name: chain for name, chain in ruleset.chains.items() if chain.base or name in used or stem(name) in claimed
    }
    stems = {stem(name) for name in (*chains, *(name for name in used if name.startswith("@")))}
    collections = {
        name: collection
        for name, collection in ruleset.collections.items()
        if standing(name) or stem(name) in stems or f"@{name}" in used
    }
    return Ruleset(chains, collections, ruleset.other)


def _verdicts(ruleset: Ruleset) -> list[object]:
    return [list(collection.elements.values()) for collection in ruleset.collections.values()]
