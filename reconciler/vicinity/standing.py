"""Whether resources stand and stay as they are, so that room on hosts and free addresses do not matter to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.kinds.base import Resource
from reconciler.kinds.instance import nic_network
from reconciler.objects import Observed, Value
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
    return resource.address.kind != "Instance" or _addressed(resource, seen[0], desired)


def _addressed(instance: Resource, seen: Observed, desired: Desired) -> bool:
    """Whether each NIC has an address in its network already, within the range of that, and no other one is declared;
    and there are no NICs but these. An address from elsewhere may be somebody else's on a host that we know nothing of.
    """
    if {path.split(".")[1] for path in seen.stored if path.startswith("nics.")} != instance.spec.networks.keys():
        return False
    for name, nic in instance.spec.networks.items():
        has, has6 = (seen.stored.get(f"nics.{name}.{field}") for field in ("address", "address6"))
        network = nic_network(instance, name)
        if not has or seen.stored.get(f"nics.{name}.network") != str(network) or nic.address not in (None, has):
            return False
        spec = desired.resources[network].spec
        if not _within(has, spec.cidr) or (has6 and not _within(has6, spec.cidr6)):
            return False
    return True


def _within(address: Value, text: str | None) -> bool:
    """Whether an address lies in a range; not when it is none."""
    with suppress(ValueError):
        return text is not None and ipaddress.ip_address(str(address)) in ipaddress.ip_network(text)
    return False


Ranges = Mapping[Address, tuple[str, str | None]]
"""By origin, those of each declared network."""


def ranges(desired: Desired) -> Ranges:
    """The ranges that are declared."""
    networks = (each for address, each in desired.resources.items() if address.kind == "Network")
    return {each.origin: (each.spec.cidr, each.spec.cidr6) for each in networks}


def as_declared(network: Observed, ranges: Ranges) -> bool:
    """Whether a network stands with the ranges that are declared, in each form. One that may not move yet keeps others,
    and who is joined to it has addresses in these.
    """
    forms = [network.stored, *([network.running] if network.running else [])]
    wanted = ranges.get(network.origin)
    return all(wanted == (form.get("cidr"), form.get("cidr6")) for form in forms)


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
