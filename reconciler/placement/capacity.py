"""What hosts have, what is promised of it, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from reconciler import quantity
from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.kinds.instance import volume_of
from reconciler.objects import Observed
from reconciler.placement.hosts import Hosts

RESERVED_MEMORY = 512 << 20
"""What a host keeps of its memory for itself if nothing else is declared, as in Nova."""
POOL = "pool "
"""Begins the name of what a storage pool other than the fleet's own has."""

Amounts = Mapping[str, int]
"""Amounts by what they are of: `vcpus`, `memory`, `disk` (the fleet's own pool), `pool NAME`. Sizes are bytes."""


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that a host does not have left."""

    of: str
    asked: int
    left: int

    def __str__(self) -> str:
        return f"{self.of}: {self._shown(self.asked)} asked for, {self._shown(self.left)} left"

    def more(self) -> str:
        """The same of what something is to grow by."""
        return f"{self.of}: {self._shown(self.asked)} more asked for, {self._shown(self.left)} left"

    def _shown(self, amount: int) -> str:
        return str(max(amount, 0)) if self.of == "vcpus" else quantity.render(max(amount, 0))


class Capacity:
    """What is used may reach total times ratio, less what is reserved and what guests that are not ours hold.

    Whatever is seen on a host counts, running or not and declared or not, and so does all that is claimed here. Where
    a host says 0, or nothing, of something, its amount is unknown and limits nobody. Images are not counted: disks are
    thin, and how large an image is nobody knows before it was fetched.
    """

    def __init__(self, hosts: Hosts) -> None:
        self.claims = 0
        self._limits = {host: dict(_limits(host, hosts)) for host in hosts}
        self._used: dict[str, Counter[str]] = {host: Counter() for host in hosts}
        for each in hosts.snapshots.objects.values():
            if each.key.host in self._used:
                self._used[each.key.host].update(seen_amounts(each))

    def claim(self, host: str, amounts: Amounts) -> None:
        """Promise that to something that is to be made."""
        self.claims += 1
        if host in self._used:
            self._used[host].update(amounts)

    def fits(self, host: str, amounts: Amounts) -> bool:
        """Whether a host has that left."""
        return next(self.shortages(host, amounts), None) is None

    def shortages(self, host: str, amounts: Amounts) -> Iterator[Shortage]:
        """What a host has not left of it."""
        limits, used = self._limits.get(host, {}), self._used.get(host, Counter())
        for of, asked in amounts.items():
            if asked and of in limits and used[of] + asked > limits[of]:
                yield Shortage(of=of, asked=asked, left=limits[of] - used[of])


def _limits(host: str, hosts: Hosts) -> Iterator[tuple[str, int]]:
    facts, spec = hosts.facts(host), hosts.spec(host)
    if facts is None:
        return
    ratios, reserved = spec.ratios, spec.reserved
    if facts.vcpus:
        yield "vcpus", int(facts.vcpus * ratios.vcpus) - reserved.vcpus - facts.other_vcpus
    if facts.memory:
        kept = quantity.parse(reserved.memory) if reserved.memory else RESERVED_MEMORY
        yield "memory", int(facts.memory * ratios.memory) - kept - facts.other_memory
    if facts.disk:
        kept = quantity.parse(reserved.disk) if reserved.disk else 0
        yield "disk", int(facts.disk * ratios.disk) - kept
    for name, size in facts.pools.items():
        if size:
            yield POOL + name, int(size * ratios.disk)


def seen_amounts(observed: Observed) -> dict[str, int]:
    """What an observed object takes, by the greater of its forms."""
    if observed.key.address.kind == "Instance":
        paths = {"vcpus": "vcpus", "memory": "memory", "disk": "disk.size"}
    elif observed.key.address.kind == "Volume":
        pool = observed.stored.get("pool")
        paths = {f"{POOL}{pool}" if pool else "disk": "size"}
    else:
        return {}
    forms = (observed.stored, observed.running or {})
    return {of: max(_number(form.get(path)) for form in forms) for of, path in paths.items()}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def wanted_amounts(resource: Resource, desired: Desired) -> dict[str, int]:
    """What an instance, without its volumes, or a volume is to take."""
    if resource.address.kind == "Volume":
        spec = resource.spec
        return {f"{POOL}{spec.pool}" if spec.pool else "disk": quantity.parse(spec.size)}
    flavor = desired.resources[Address("Flavor", None, resource.spec.flavor)].spec
    return {"vcpus": flavor.vcpus, "memory": quantity.parse(flavor.memory), "disk": quantity.parse(flavor.disk)}


def volumes_of(instance: Resource) -> list[Address]:
    """The volumes of an instance, each once, by address."""
    return sorted({volume_of(instance, disk) for disk in instance.spec.volumes})


def added(first: Amounts, second: Amounts) -> dict[str, int]:
    """The sums of two."""
    total = dict(first)
    for of, amount in second.items():
        total[of] = total.get(of, 0) + amount
    return total
