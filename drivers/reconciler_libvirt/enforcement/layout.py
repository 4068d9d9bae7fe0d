"""How a fleet's two tables are laid out: names, marks, and the chains and maps that stand in every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.address import Address
from reconciler.identity import Identity
from reconciler_libvirt.enforcement.expression import dispatch
from reconciler_libvirt.enforcement.labels import LABELS, marked
from reconciler_libvirt.enforcement.ruleset import UNRECOGNISED, Chain, Collection, Ruleset


class Names:
    """What things of one fleet are called. Digests, since nftables bounds names and interfaces have 15 bytes."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.table = f"reconciler-{identity.prefix}"
        self.fleet = f"reconciler fleet {identity.fleet_id}"

    def group(self, address: Address | str) -> str:
        """The stem of a group's chains and sets; the address may be text."""
        return f"g-{self._identity.short(str(address))}"

    def nic(self, instance: Address, nic: str) -> str:
        """The stem of a NIC's chains."""
        return f"n-{self._identity.short(f'{instance}#{nic}')}"


class Tables(msgspec.Struct, frozen=True):
    """Both tables of a fleet."""

    inet: Ruleset = Ruleset()
    bridge: Ruleset = Ruleset()


def _base(hook: str, priority: int, *ways: tuple[dict[str, Any], str]) -> Chain:
    base = {"type": "filter", "hook": hook, "prio": priority, "policy": "accept"}
    return Chain(tuple((dispatch(key, verdicts),) for key, verdicts in ways), base)


def _by(name: str, verdicts: str) -> tuple[tuple[dict[str, Any], str], ...]:
    """By an address of a packet, in either family."""
    families = (("ip", "4"), ("ip6", "6"))
    return tuple(({"payload": {"protocol": ip, "field": name}}, verdicts + number) for ip, number in families)


_INET = Ruleset(
    chains={
        # Two priorities, both before the host's own filter (0): what egress accepts still has to pass ingress, and
        # then the host's rules. Traffic to and from the host itself passes input and output instead of forward.
        "egress-forward": _base("forward", -20, *_by("saddr", "out")),
        "egress-input": _base("input", -20, *_by("saddr", "out")),
        "ingress-forward": _base("forward", -10, *_by("daddr", "in")),
        "ingress-output": _base("output", -10, *_by("daddr", "in")),
    },
    collections={
        LABELS: Collection("ifname"),
        "in4": Collection("ipv4_addr", "verdict"),
        "out4": Collection("ipv4_addr", "verdict"),
        "in6": Collection("ipv6_addr", "verdict"),
        "out6": Collection("ipv6_addr", "verdict"),
    },
)
_BRIDGE = Ruleset(
    chains={
        # Before br_netfilter (0) hands frames to the inet family; no connection tracking exists here, none is needed.
        "from-taps": _base("prerouting", -300, ({"meta": {"key": "iifname"}}, "from-tap")),
        "to-taps": _base("postrouting", -300, ({"meta": {"key": "oifname"}}, "to-tap")),
    },
    collections={
        LABELS: Collection("ifname"),
        "from-tap": Collection("ifname", "verdict"),
        "to-tap": Collection("ifname", "verdict"),
    },
)


def grounded(tables: Tables, names: Names) -> Tables:
    """`tables` with what stands in every one of them made right.

    Foreign base chains in our tables go, since they decide about our NICs; elements of our maps stay.
    """
    return Tables(_ground(tables.inet, _INET, names), _ground(tables.bridge, _BRIDGE, names))


def _ground(ruleset: Ruleset, ground: Ruleset, names: Names) -> Ruleset:
    regular = {name: chain for name, chain in ruleset.chains.items() if not chain.base}
    result = Ruleset({**ground.chains, **regular}, ruleset.collections)
    for name, wanted in ground.collections.items():
        found = ruleset.collections.get(name, wanted)
        fitting = found.elements if (found.type, found.map) == (wanted.type, wanted.map) else {}
        elements = {key: value for key, value in fitting.items() if not key.startswith(UNRECOGNISED)}
        result = result.with_collection(name, msgspec.structs.replace(wanted, elements=elements))
    return marked(result, names.fleet)


def _fits(ruleset: Ruleset, name: str, wanted: Collection) -> bool:
    found = ruleset.collections.get(name)
    return found is not None and msgspec.structs.replace(found, elements={}) == wanted


def flaws(tables: Tables) -> Iterator[str]:
    """What is wrong with what stands in every table: it decides about every NIC."""
    for family, found, ground in (("inet", tables.inet, _INET), ("bridge", tables.bridge, _BRIDGE)):
        for kind, name in found.other:
            yield f"the {family} table is dormant" if kind == "table" else f"the {family} table holds {kind} {name}"
        for name, chain in found.chains.items():
            if chain.base and name not in ground.chains:
                yield f"the {family} table holds a foreign base chain {name}"
        for name, chain in ground.chains.items():
            if found.chains.get(name) != chain:
                yield f"base chain {name} of the {family} table is not as we made it"
        for name, wanted in ground.collections.items():
            if not _fits(found, name, wanted):
                yield f"{name} of the {family} table is not as we made it"


def standing(name: str) -> bool:
    """Whether a chain, set or map of that name stands in every table."""
    return any(name in part for ground in (_INET, _BRIDGE) for part in (ground.chains, ground.collections))
