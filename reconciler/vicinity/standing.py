"""Whether resources stand and stay as they are, so that room on hosts and free addresses do not matter to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.kinds.instance import nic_network
from reconciler.objects import Observed
from reconciler.placement import stands_once
from reconciler.placement.capacity import seen_amounts, wanted_amounts
from reconciler.plan import Plan

Found = Mapping[Address, Sequence[Observed]]
"""What is seen of each origin, over all hosts."""


def stays(resource: Resource, found: Found, desired: Desired) -> bool:
    """Whether it stands where it is to be, on one host, and asks for nothing that others might ask for as well: more
    room, or another address. What stands on any number of hosts never does.
    """
    seen = found.get(resource.origin, ())
    if not stands_once(resource):
        return True
    if len(seen) != 1:
        return False
    if resource.address.kind == "Network":
        return True
    has = seen_amounts(seen[0])
    if any(asked > has.get(of, 0) for of, asked in wanted_amounts(resource, desired).items()):
        return False
    return resource.address.kind != "Instance" or _addressed(resource, seen[0])


def _addressed(instance: Resource, seen: Observed) -> bool:
    """Whether each NIC has an address in its network already, and no other one is declared."""
    for name, nic in instance.spec.networks.items():
        has = seen.stored.get(f"nics.{name}.address")
        network = seen.stored.get(f"nics.{name}.network")
        if not has or network != str(nic_network(instance, name)) or nic.address not in (None, has):
            return False
    return True


def apart(rivals: Collection[Resource], found: Found, hosts: Collection[str]) -> bool:
    """Whether networks that might overlap some of ours keep to other hosts: local ones stay where they stand."""
    return all(
        stands_once(each) and (seen := found.get(each.origin, ())) and not any(one.key.host in hosts for one in seen)
        for each in rivals
    )


def removes(plan: Plan) -> bool:
    """Whether a plan would have anything go: that counts against bounds of the whole fleet."""
    return any(change.action in ("delete", "replace") for change in plan.changes)


def readdresses(plan: Plan) -> bool:
    """Whether a plan gives an instance another address, which some group elsewhere may have to forget before."""
    return any(
        field.path.endswith((".address", ".address6"))
        for change in plan.changes
        if change.key.address.kind == "Instance"
        for field in change.fields
    )
