"""Local networks and volumes: they lie on one host, and follow their first instance if nothing else says where."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.placement import words
from reconciler.placement.capacity import Capacity, volumes_of, wanted_amounts
from reconciler.placement.fit import Reasons
from reconciler.placement.hosts import Hosts, networks_of, of_kind, stands_once
from reconciler.placement.overlaps import Taken
from reconciler.placement.spots import Spot, Standing, closed, declared_host, maybe_elsewhere


class Local:
    """The spots of networks and volumes, as they are decided one after the other."""

    def __init__(self, desired: Desired, hosts: Hosts, capacity: Capacity, standing: Standing, taken: Taken) -> None:
        self.spots: dict[Address, Spot] = {}
        self._desired, self._hosts, self._capacity, self._standing = desired, hosts, capacity, standing
        self._taken = taken
        kinds = (*of_kind(desired, "Network"), *of_kind(desired, "Volume"))
        self._all = [each for each in kinds if stands_once(each)]

    def settle(self) -> None:
        """Those that stand, and those that say where they are to be."""
        for resource in self._all:
            if spot := self._standing.spot(resource):
                self._put(resource, spot)
        for resource in self._all:
            if resource.address not in self.spots and (spot := self._said(resource)):
                self._put(resource, spot)

    def _put(self, resource: Resource, spot: Spot) -> None:
        self.spots[resource.address] = spot
        if spot.host and resource.address.kind == "Network":
            self._taken.add(spot.host, resource)

    def _said(self, resource: Resource) -> Spot | None:
        if host := declared_host(resource):
            return self._made(resource, host)
        network = resource.address.kind == "Network"
        return maybe_elsewhere(resource, self._hosts) if network and self._hosts.anywhere else None

    def needs(self, instance: Resource) -> list[Address]:
        """The local networks and the volumes of an instance."""
        named = (*networks_of(instance), *volumes_of(instance))
        return [each for each in named if stands_once(self._desired.resources[each])]

    def stuck(self, instance: Resource) -> Address | None:
        """What has no host and gets none, and keeps the instance from having one."""
        spots = ((each, self.spots.get(each)) for each in self.needs(instance))
        return next((each for each, spot in spots if spot and spot.held and not spot.host), None)

    def pins(self, instance: Resource) -> dict[Address, str]:
        """What the instance needs and lies on a host, and on which."""
        spots = ((each, self.spots.get(each)) for each in self.needs(instance))
        return {each: spot.host for each, spot in spots if spot and spot.host}

    def loose(self, instance: Resource) -> list[Resource]:
        """The local networks and the volumes that would be made where the instance is put."""
        return [self._desired.resources[each] for each in self.needs(instance) if each not in self.spots]

    def joining(self, instance: Resource) -> list[Resource]:
        """The networks that would come to where the instance is put: new local ones, and wires."""
        return [self._desired.resources[each] for each in networks_of(instance) if each not in self.spots]

    def follow(self, instance: Resource, host: str) -> None:
        """Put what has no place yet where the instance is."""
        for network in self.joining(instance):
            self._taken.add(host, network)
        for address in self.needs(instance):
            if address not in self.spots:
                resource = self._desired.resources[address]
                self._put(resource, self._made(resource, host))

    def rest(self, waiting: Iterable[Resource]) -> None:
        """What no placed instance uses goes on the only host that takes it. Of what the `waiting` instances need, which
        got no host, their own messages tell.
        """
        needed = {address for instance in waiting for address in self.needs(instance)}
        for resource in self._all:
            if resource.address not in self.spots:
                self._put(resource, self._alone(resource, resource.address in needed))

    def _alone(self, resource: Resource, needed: bool) -> Spot:
        if self._hosts.anywhere:
            return maybe_elsewhere(resource, self._hosts)
        if self._hosts.only:
            return self._made(resource, self._hosts.only)
        told = None if needed else words.unused(resource, self._hosts)
        return Spot(held="no instance that uses it has a host yet", diagnostic=told)

    def _made(self, resource: Resource, host: str) -> Spot:
        """A new one on a host. A volume that was not found may hold its data on a host that was not seen."""
        if resource.address.kind == "Network":
            return closed(resource, host, self._hosts) or Spot(host=host)
        if shut := closed(resource, host, self._hosts, keeps=host):
            return shut
        if reasons := self._no_room(resource, host):
            told = Reasons({host: reasons}, 1)
            line = f"fits on no host: {told.in_short()}"
            return Spot(host=host, held=line, diagnostic=words.unplaced(resource, told))
        self._capacity.claim(host, wanted_amounts(resource, self._desired))
        return Spot(host=host, unsure=self._hosts.others_unseen(host))

    def _no_room(self, volume: Resource, host: str) -> list[str]:
        facts, pool = self._hosts.facts(host), volume.spec.pool
        lacking = [f"it has no storage pool {pool}"] if pool and facts is not None and pool not in facts.pools else []
        return [*lacking, *map(str, self._capacity.shortages(host, wanted_amounts(volume, self._desired)))]
