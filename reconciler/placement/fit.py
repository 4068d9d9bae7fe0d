"""Which host takes a new instance: the first by name that has all it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.observation import HostFacts
from reconciler.placement.capacity import Amounts, Capacity, added, volumes_of, wanted_amounts
from reconciler.placement.hosts import Hosts, networks_of
from reconciler.placement.overlaps import Taken

MOST_LINES = 20
"""Hosts that one message tells of; more are counted."""
MOST_IN_SHORT = 3


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance asks of any host. Instances that ask for the same are alike to every host. `projects`: whose
    things would come there, as far as these may not use every host.
    """

    projects: tuple[str, ...] = ()
    zone: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    wires: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    amounts: tuple[tuple[str, int], ...] = ()


def asks_of(instance: Resource, desired: Desired, loose: list[Resource], projects: tuple[str, ...]) -> Asks:
    """What an instance asks for; `loose` is what is made with it, and `projects` are as in `Asks`."""
    placement = instance.spec.placement
    amounts: Amounts = wanted_amounts(instance, desired)
    for volume in (each for each in loose if each.address.kind == "Volume"):
        amounts = added(amounts, wanted_amounts(volume, desired))
    pools = {desired.resources[address].spec.pool for address in volumes_of(instance)} - {None}
    networks = (desired.resources[address].spec for address in networks_of(instance))
    image = desired.resources[Address("Image", None, instance.spec.image)].spec.properties
    firmware = ("uefi",) if image.firmware_type == "uefi" else ()
    return Asks(
        projects=projects,
        zone=placement.zone,
        labels=tuple(sorted(placement.host_labels.items())),
        wires=tuple(sorted({each.physical_network for each in networks if each.mode == "bridge"} - {None})),
        pools=tuple(sorted(pools)),
        features=(*firmware, "secure-boot") if image.secure_boot == "required" else firmware,
        amounts=tuple(sorted(amounts.items())),
    )


Pins = Mapping[Address, str]
"""What the instance needs and lies on one host already, and where; the Host that its manifest names is one of them."""


class Fitting:
    """The hosts that are tried, each combination of asks and host once: what was refused for want of room once has none
    later either, since nothing is given back while a plan is made.
    """

    def __init__(self, hosts: Hosts, capacity: Capacity, taken: Taken) -> None:
        self._hosts, self._capacity, self._taken = hosts, capacity, taken
        self._left: dict[Asks, list[str]] = {}
        self._told: tuple[object, Reasons] | None = None

    def first(self, asks: Asks, joining: Sequence[Resource] = ()) -> str | None:
        """The first host that has it all, and on which the networks that come with the instance overlap none; None when
        there is none.
        """
        if asks not in self._left:
            able = (host for host in self._hosts.active if self._hosts.complete(host))
            self._left[asks] = [host for host in reversed(list(able)) if not any(self.unable(host, asks, choice=True))]
        left, amounts = self._left[asks], dict(asks.amounts)
        while left and not self._capacity.fits(left[-1], amounts):
            left.pop()
        roomy = (host for host in reversed(left) if self._capacity.fits(host, amounts))
        return next((host for host in roomy if not any(self._taken.clashes(host, joining))), None)

    def reasons(self, asks: Asks, pins: Pins, joining: Sequence[Resource], choice: bool) -> Reasons:
        """What keeps an instance from every host: the same as the last one, when that asked for the same."""
        case = (self._capacity.claims, asks, sorted(pins.items()), [each.address for each in joining], choice)
        if self._told is None or self._told[0] != case:
            first = list(self._hosts)[:MOST_LINES]
            clashes = {host: list(self._taken.clashes(host, joining)) if choice else [] for host in first}
            against = {host: [*self.why_not(host, asks, pins, choice), *clashes[host]] for host in first}
            self._told = case, Reasons(against, len(self._hosts.states))
        return self._told[1]

    def why_not(self, host: str, asks: Asks, pins: Pins, choice: bool) -> Iterator[str]:
        """Everything that keeps an instance from a host; `choice`: it could be another."""
        if (state := self._hosts.states.get(host)) != "Active":
            yield f"it is {state or 'not declared'}"
        elif choice and not self._hosts.complete(host):
            yield "it was not completely seen"
        yield from (_pinned(address, at) for address, at in sorted(pins.items()) if at != host)
        if host in self._hosts.states:
            yield from self.unable(host, asks, choice)
        yield from map(str, self._capacity.shortages(host, dict(asks.amounts)))

    def unable(self, host: str, asks: Asks, choice: bool) -> Iterator[str]:
        """What a host is not, or has not, whatever else stands on it."""
        spec, labels, facts = self._hosts.spec(host), self._hosts.labels(host), self._hosts.facts(host)
        yield from (f"project {each} may not use it" for each in asks.projects if self._hosts.bars(each, host))
        if asks.zone not in (None, spec.zone):
            yield f"it is in {f'zone {spec.zone}' if spec.zone else 'no zone'}, and {asks.zone} is asked for"
        for name, value in asks.labels:
            if (found := labels.get(name)) != value:
                yield f"its label {name} is {found}, and {value} is asked for" if found else f"it has no label {name}"
        if facts is not None:
            yield from _lacking(facts, asks)
            if choice and not facts.enforcement:
                yield "it cannot enforce security groups"


def _pinned(address: Address, host: str) -> str:
    return f"its manifest names {host}" if address.kind == "Host" else f"{address} lies on {host}"


def _lacking(facts: HostFacts, asks: Asks) -> Iterator[str]:
    yield from (f"it has no physical network {name}" for name in asks.wires if name not in facts.physical_networks)
    yield from (f"it has no storage pool {name}" for name in asks.pools if name not in facts.pools)
    yield from (f"it cannot do {name}" for name in asks.features if name not in facts.features)


class Reasons(msgspec.Struct, frozen=True):
    """What is against the first hosts, and how many hosts there are."""

    against: dict[str, list[str]]
    hosts: int

    def lines(self) -> str:
        """A line for each host, with all that is against it."""
        told = [f"  {host}: {'; '.join(why)}." for host, why in self.against.items()]
        more = self.hosts - len(told)
        return "\n".join([*told, f"  And {more} more."] if more else told)

    def in_short(self) -> str:
        """The first thing that is against each host, for one line."""
        told = [f"{host}: {why[0]}" for host, why in list(self.against.items())[:MOST_IN_SHORT] if why]
        more = self.hosts - len(told)
        return "; ".join([*told, f"and {more} more"] if more else told)
