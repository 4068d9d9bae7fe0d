"""Where instances, local networks and volumes stand. Nothing moves by itself: what is seen somewhere stays there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Resource
from reconciler.placement import words
from reconciler.placement.capacity import Capacity, wanted_amounts
from reconciler.placement.fit import Asks, Fitting, asks_of
from reconciler.placement.hosts import NONE_BARRED, Barred, Hosts, networks_of, of_kind, stands_once
from reconciler.placement.local import Local
from reconciler.placement.overlaps import Taken, by_host, overlaps
from reconciler.placement.spots import Spot, Standing, closed, declared_host, maybe_elsewhere
from reconciler.snapshots import Snapshots

__all__ = ["NONE_BARRED", "Barred", "Placement", "placement", "stands_once"]


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """`hosts` has the host of everything that stands once and has one. What is `held` is left as it is, whatever its
    manifest says: in one line why; a diagnostic tells more. What is `unsure` may stand on one of those hosts, which
    were not seen. What is `cramped` has no room to grow: by field, why. `unseen` are the hosts that were not completely
    seen, or that nobody looked at.
    """

    hosts: Mapping[Address, str]
    held: Mapping[Address, str] = {}
    unsure: Mapping[Address, tuple[str, ...]] = {}
    cramped: Mapping[Address, Mapping[str, str]] = {}
    unseen: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def placement(
    desired: Desired, snapshots: Snapshots, undeclared: Sequence[str] = (), barred: Barred = NONE_BARRED
) -> Placement:
    """What stands stays; what says its host goes there; what is new goes, in order of address, on the first host by
    name that has all it asks for. On hosts that are `undeclared` things may stand as on those that could not be seen.
    On hosts that a project is `barred` from nothing new of it is made.
    """
    placing = _Placing(desired, snapshots, undeclared, barred)
    placing.run()
    spots = placing.spots
    held = {address: spot.held for address, spot in spots.items() if spot.held}
    late = dict(placing.overlapping(held))
    held |= {address: f"its range overlaps that of {other}" for address, (other, _) in late.items()}
    apart = dict(placing.apart())
    held |= {address: line for address, (line, _) in apart.items()}
    waiting = dict(placing.without_network(held))
    told = [spot.diagnostic for spot in spots.values() if spot.diagnostic]
    told += [diagnostic for _, diagnostic in (*late.values(), *apart.values())]
    return Placement(
        hosts={address: spot.host for address, spot in spots.items() if spot.host},
        held={**{address: f"waits for {network}" for address, network in waiting.items()}, **held},
        unsure={address: spot.unsure for address, spot in spots.items() if spot.unsure},
        cramped=placing.cramped,
        unseen=placing.hosts.unseen,
        diagnostics=(*told, *_waiting(waiting)),
    )


class _Placing:
    def __init__(self, desired: Desired, snapshots: Snapshots, undeclared: Sequence[str], barred: Barred) -> None:
        self.hosts = Hosts(desired, snapshots, undeclared, barred)
        self._desired = desired
        self._capacity = Capacity(self.hosts)
        self._standing = Standing(desired, self.hosts, self._capacity)
        taken = Taken()
        self._fitting = Fitting(self.hosts, self._capacity, taken)
        self._local = Local(desired, self.hosts, self._capacity, self._standing, taken)
        self._instances = of_kind(desired, "Instance")
        self._spots: dict[Address, Spot] = {}

    @property
    def spots(self) -> dict[Address, Spot]:
        """What was decided, instances first."""
        return {**self._spots, **self._local.spots}

    @property
    def cramped(self) -> dict[Address, dict[str, str]]:
        """What has no room to grow."""
        return self._standing.cramped

    def run(self) -> None:
        """Decide on all. Whatever stands has its say before anything new is placed."""
        self._local.settle()
        for resource in self._instances:
            if spot := self._standing.spot(resource):
                self._spots[resource.address] = spot
        new = [resource for resource in self._instances if resource.address not in self._spots]
        for resource in self._instances:
            self._follow(resource)
        for resource in new:
            self._spots[resource.address] = self._new(resource)
            self._follow(resource)
        self._local.rest(each for each in self._instances if not self._spots[each.address].host)

    def _follow(self, instance: Resource) -> None:
        spot = self._spots.get(instance.address)
        if spot and spot.host:
            self._local.follow(instance, spot.host)

    def _new(self, instance: Resource) -> Spot:
        declared = declared_host(instance)
        if stuck := self._local.stuck(instance):
            return Spot(host=declared, held=f"waits for {stuck}")
        if declared and (shut := closed(instance, declared, self.hosts)):
            return shut
        pins = self._local.pins(instance)
        if declared:
            pins[Address("Host", None, declared)] = declared
        loose = self._local.loose(instance)
        asks = asks_of(instance, self._desired, loose, self.hosts.restricted([instance, *loose]))
        return self._fitted(instance, asks, pins)

    def _fitted(self, instance: Resource, asks: Asks, pins: dict[Address, str]) -> Spot:
        """The host that its pins leave over, or the first that has all."""
        settled = next(iter(pins.values()), self.hosts.only)
        if settled is None:
            host = self._fitting.first(asks, self._local.joining(instance))
        elif not self.hosts.complete(settled) and set(pins.values()) <= {settled}:
            return Spot(host=settled, unsure=self.hosts.others_unseen(settled))  # nothing is planned there
        else:
            host = None if any(self._fitting.why_not(settled, asks, pins, choice=False)) else settled
        if host is None:
            return self._nowhere(instance, asks, pins, choice=settled is None)
        self._capacity.claim(host, wanted_amounts(instance, self._desired))
        return Spot(host=host, unsure=self.hosts.others_unseen(host))

    def _nowhere(self, instance: Resource, asks: Asks, pins: dict[Address, str], choice: bool) -> Spot:
        reasons = self._fitting.reasons(asks, pins, self._local.joining(instance), choice)
        if choice and self.hosts.unseen:
            return maybe_elsewhere(instance, self.hosts, reasons)
        line = f"fits on no host: {reasons.in_short()}" if reasons.hosts else "no host is declared"
        return Spot(held=line, diagnostic=words.unplaced(instance, reasons))

    def apart(self) -> Iterator[tuple[Address, tuple[str, Diagnostic]]]:
        """Instances that would have to stand on several hosts at once."""
        for resource in self._instances:
            host = self._spots[resource.address].host
            elsewhere = {each: at for each, at in self._local.pins(resource).items() if at != host}
            if host and elsewhere and not self._spots[resource.address].held:
                address, at = min(elsewhere.items())
                yield resource.address, (f"{address} lies on {at}", words.apart(resource, host, elsewhere))

    def overlapping(self, held: Mapping[Address, str]) -> Iterator[tuple[Address, tuple[Address, Diagnostic]]]:
        """Networks whose range another has on one of their hosts."""
        networks = by_host((host, network) for host, network in self._networks() if network.address not in held)
        seen = self.hosts.snapshots.objects.values()
        standing = {
            (each.key.host, each.origin): str(each.stored.get("cidr"))
            for each in seen
            if each.key.address.kind == "Network"
        }
        for network, cidr, other, host in overlaps(networks, standing):
            yield network.address, (other, words.overlapping(network, cidr, other, host))

    def _networks(self) -> Iterator[tuple[str, Resource]]:
        """Every network with each of its hosts: its own, or those of the instances that it joins."""
        for address, spot in self._local.spots.items():
            if address.kind == "Network" and spot.host:
                yield spot.host, self._desired.resources[address]
        for instance in self._instances:
            host = self._spots[instance.address].host
            for address in networks_of(instance) if host else ():
                if not stands_once(self._desired.resources[address]):
                    yield host or "", self._desired.resources[address]

    def without_network(self, held: Mapping[Address, str]) -> Iterator[tuple[Address, Address]]:
        """Instances with a network that is held, or a volume that stands nobody knows where. Of what is held by itself
        its own message tells.
        """
        for instance in self._instances:
            if self._spots[instance.address].held and self._spots[instance.address].diagnostic:
                continue
            stuck = self._local.stuck(instance)
            found = next((each for each in networks_of(instance) if each in held), stuck)
            if found:
                yield instance.address, found


def _waiting(waiting: Mapping[Address, Address]) -> Iterator[Diagnostic]:
    """One message for all that wait for the same."""
    names: dict[Address, list[str]] = {}
    for instance, network in waiting.items():
        names.setdefault(network, []).append(str(instance))
    for network, each in sorted(names.items()):
        yield words.waiting(network, each)
